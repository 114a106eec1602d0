// The program of a page that `git dvcexp show --html` writes. It loads nothing and keeps nothing.
import type { PageData, PageRow } from '../src/table/page-data.ts';
import { element } from './elements.ts';
import { openParallel, openScatter } from './plots.ts';
import { openState, type State, titleOf } from './state.ts';
import { openTable } from './table.ts';
import { shownIn } from './values.ts';

const filterDelayMs = 120;

function openFilter(state: State): HTMLElement {
  const field = element('input', {
    type: 'search',
    placeholder: 'name, value, column>0.9, column=adam',
    spellcheck: 'false',
    autocomplete: 'off',
  });
  const count = element('output', {});
  let timer: number | undefined;
  field.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => state.filter(field.value), filterDelayMs);
  });
  const made = (rows: readonly PageRow[]): number => rows.filter(({ kind }) => kind === 'experiment').length;
  const all = made(state.data.rows);
  state.onFilter(() => {
    count.textContent = `${made(state.visible())} of ${all} experiments`;
  });
  return element('search', {}, element('label', {}, 'Filter ', field), ' ', count);
}

/** Says in words what is chosen. */
function openDetails(state: State): HTMLElement {
  const place = element('p', { class: 'chosen-row', role: 'status' }, 'No experiment is chosen.');
  state.onChoice((row) => {
    if (row === undefined) {
      place.textContent = 'No experiment is chosen.';
      return;
    }
    const values = state.data.columns.flatMap(({ label }, index) =>
      row.cells[index] === null
        ? []
        : [`${label} ${shownIn(row, index, state.data)}${row.changed.includes(index) ? '*' : ''}`],
    );
    place.replaceChildren(element('strong', {}, titleOf(row)), `: ${values.join(', ')}`);
  });
  return place;
}

function start(data: PageData): void {
  const state = openState(data);
  const made = new Date(data.made);
  const plots = data.columns.length > 0 ? [openParallel(state), openScatter(state)] : [];
  document.body.append(
    element(
      'header',
      {},
      element('h1', {}, data.title),
      element(
        'p',
        { class: 'note' },
        `Experiments, as of ${made.toLocaleString()}. A value that differs from its baseline has a `,
        element('b', {}, '*'),
        '.',
      ),
      openFilter(state),
    ),
    element('main', {}, openTable(state), openDetails(state), ...plots),
  );
}

start(JSON.parse(document.getElementById('data')?.textContent ?? 'null'));
