import type { PageRow } from '../src/table/page-data.ts';
import { element, tickBox } from './elements.ts';
import { type State, step } from './state.ts';
import { byName, numberIn, shownIn } from './values.ts';

/** -1: the name, -2: the date. */
interface Sorting {
  readonly column: number;
  readonly descending: boolean;
}

const nameColumn = -1;
const dateColumn = -2;

/** The table with its own options. */
export function openTable(state: State): HTMLElement {
  const { columns } = state.data;
  let sorting: Sorting | undefined;
  let grouped = true;
  const hidden = new Set<number>();
  const lines = new Map<PageRow, HTMLTableRowElement>();
  const body = element('tbody');
  const heads: { readonly column: number; readonly cell: HTMLTableCellElement }[] = [];

  const headOf = (column: number, label: string, kind: string): HTMLTableCellElement => {
    const button = element('button', { type: 'button' }, label);
    const cell = element('th', { scope: 'col', class: kind }, button);
    button.addEventListener('click', () => {
      const again = sorting?.column === column;
      sorting = again && sorting?.descending === true ? undefined : { column, descending: again };
      draw();
    });
    heads.push({ column, cell });
    return cell;
  };

  const lineOf = (row: PageRow): HTMLTableRowElement => {
    const known = lines.get(row);
    if (known !== undefined) return known;
    const title = element('span', { class: 'name' }, row.name);
    const line = element('tr', { class: row.kind, tabindex: '-1' });
    line.append(
      element('th', { scope: 'row' }, title, ...(row.kind === 'experiment' ? [' ', element('code', {}, row.id)] : [])),
      element('td', { class: 'created' }, row.created.replace('T', ' ').slice(0, 16)),
    );
    for (const [index, column] of columns.entries()) {
      const shown = shownIn(row, index, state.data);
      const changed = row.changed.includes(index);
      const cell = element('td', { class: `${column.numeric ? 'number' : 'text'}${changed ? ' changed' : ''}` }, shown);
      const full = row.cells[index];
      if (full !== null && full !== undefined && full !== shown) cell.title = full;
      if (changed) cell.append(element('span', { class: 'mark', title: `differs from ${row.group}` }, '*'));
      line.append(cell);
    }
    line.addEventListener('click', () => state.choose(row));
    lines.set(row, line);
    return line;
  };

  let shown: readonly PageRow[] = [];
  const draw = (): void => {
    shown = arrange(state.visible(), sorting, grouped);
    body.replaceChildren(...shown.map(lineOf));
    for (const { column, cell } of heads) {
      if (sorting?.column === column) cell.setAttribute('aria-sort', sorting.descending ? 'descending' : 'ascending');
      else cell.removeAttribute('aria-sort');
    }
    roam();
  };

  /** One line of all can be reached by Tab; arrows go on from there. */
  const roam = (): void => {
    const chosen = state.chosen();
    const first = chosen !== undefined && shown.includes(chosen) ? chosen : shown[0];
    for (const [row, line] of lines) line.tabIndex = row === first ? 0 : -1;
  };

  body.addEventListener('keydown', (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key] as 1 | -1 | undefined;
    if (by === undefined) return;
    event.preventDefault();
    const next = step(shown, state.chosen(), by);
    state.choose(next);
    if (next !== undefined) lines.get(next)?.focus();
  });
  state.onChoice((now, before) => {
    if (before !== undefined) lines.get(before)?.removeAttribute('aria-current');
    if (now !== undefined) {
      const line = lines.get(now);
      line?.setAttribute('aria-current', 'true');
      if (line?.isConnected === true && !line.contains(document.activeElement))
        line.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
    roam();
  });

  const table = element(
    'table',
    {},
    element(
      'thead',
      {},
      element(
        'tr',
        {},
        headOf(nameColumn, 'Experiment', 'fixed'),
        headOf(dateColumn, 'Created', 'fixed'),
        ...columns.map(({ label, kind, numeric }, index) => headOf(index, label, numeric ? `${kind} number` : kind)),
      ),
    ),
    body,
  );
  const sheet = element('div', { class: 'sheet', tabindex: '0', role: 'region', 'aria-label': 'Table' }, table);
  const hideColumn = (index: number, hide: boolean): void => {
    if (hide) hidden.add(index);
    else hidden.delete(index);
    // Lines that are not drawn yet must know it too.
    for (const line of [heads[0]?.cell.parentElement, ...state.data.rows.map(lineOf)]) {
      const cell = line?.children[index + 2];
      if (cell instanceof HTMLElement) cell.hidden = hide;
    }
  };
  const ticks = columns.map(({ label }, index) => tickBox(label, true, (ticked) => hideColumn(index, !ticked)));
  const options = element(
    'div',
    { class: 'options' },
    tickBox('group by baseline', grouped, (ticked) => {
      grouped = ticked;
      draw();
    }),
    element('details', {}, element('summary', {}, 'Columns'), element('div', { class: 'ticks' }, ...ticks)),
  );
  state.onFilter(draw);
  return element('section', { 'aria-label': 'Experiments' }, options, sheet);
}

function arrange(rows: readonly PageRow[], sorting: Sorting | undefined, grouped: boolean): readonly PageRow[] {
  if (sorting === undefined) return rows;
  const order = orderOf(sorting);
  if (!grouped) return [...rows].sort(order);
  const groups = new Map<string, PageRow[]>();
  for (const row of rows) {
    const name = `${row.kind === 'workspace'} ${row.group}`;
    groups.set(name, [...(groups.get(name) ?? []), row]);
  }
  const rank = (row: PageRow): number => (row.kind === 'experiment' ? 1 : 0);
  return [...groups.values()].flatMap((group) => group.sort((a, b) => rank(a) - rank(b) || order(a, b)));
}

/** Rows without a value come last either way. */
function orderOf({ column, descending }: Sorting): (one: PageRow, other: PageRow) => number {
  const direction = descending ? -1 : 1;
  const textOf = (row: PageRow): string =>
    column === nameColumn ? row.name : column === dateColumn ? row.created : (row.cells[column] ?? '');
  return (one, other) => {
    const [x, y] = [textOf(one), textOf(other)];
    if (x === '' || y === '') return Number(x === '') - Number(y === '');
    const [a, b] = column < 0 ? [undefined, undefined] : [numberIn(one, column), numberIn(other, column)];
    if (a !== undefined && b !== undefined) return (a - b) * direction;
    if (a !== undefined || b !== undefined) return a === undefined ? 1 : -1;
    return byName(x, y) * direction;
  };
}
