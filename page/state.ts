import type { PageData, PageRow } from '../src/table/page-data.ts';
import { filterOf } from './values.ts';

/** What the parts of the page share. */
export interface State {
  readonly data: PageData;
  /** Rows that the filter lets through, in the order of the data. */
  visible(): readonly PageRow[];
  /** The row that the person looks at; undefined: none. */
  chosen(): PageRow | undefined;
  filter(text: string): void;
  choose(row: PageRow | undefined): void;
  /** Called after each filter; once at once. */
  onFilter(draw: () => void): void;
  /** Called after each choice. */
  onChoice(show: (now: PageRow | undefined, before: PageRow | undefined) => void): void;
}

export function openState(data: PageData): State {
  let visible: readonly PageRow[] = data.rows;
  let chosen: PageRow | undefined;
  const draws: (() => void)[] = [];
  const shows: ((now: PageRow | undefined, before: PageRow | undefined) => void)[] = [];
  return {
    data,
    visible: () => visible,
    chosen: () => chosen,
    filter(text) {
      visible = data.rows.filter(filterOf(text, data));
      for (const draw of draws) draw();
    },
    choose(row) {
      const before = chosen;
      chosen = row;
      for (const show of shows) show(row, before);
    },
    onFilter(draw) {
      draws.push(draw);
      draw();
    },
    onChoice(show) {
      shows.push(show);
    },
  };
}

/** What a row is called in one line. */
export function titleOf({ kind, name, id, group }: PageRow): string {
  if (kind === 'experiment') return `${name} (${id}), made from ${group}`;
  return kind === 'baseline' && name !== id ? `${name} (${id})` : name;
}

/** The row after or before the chosen one in an order; the first when there is none. */
export function step(rows: readonly PageRow[], chosen: PageRow | undefined, by: 1 | -1): PageRow | undefined {
  const at = chosen === undefined ? -1 : rows.indexOf(chosen);
  return at < 0 ? rows[0] : (rows[at + by] ?? chosen);
}

/** Has arrow keys on a drawing go from row to row. */
export function listenToArrows(drawing: Element, state: State, order: () => readonly PageRow[]): void {
  drawing.addEventListener('keydown', (event) => {
    if (!(event instanceof KeyboardEvent)) return;
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key] as 1 | -1 | undefined;
    if (by === undefined && event.key !== 'Escape') return;
    event.preventDefault();
    state.choose(by === undefined ? undefined : step(order(), state.chosen(), by));
  });
}
