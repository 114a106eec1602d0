import type { PageRow } from '../src/table/page-data.ts';
import { chooser, element, shape, tickBox } from './elements.ts';
import { listenToArrows, type State, titleOf } from './state.ts';
import { type Scale, scaleOf, varyingColumns } from './values.ts';

const width = 1000;
const firstAxes = 8;

/** Marks of rows in a drawing, with the chosen one in front. */
function showChoice(state: State, marks: ReadonlyMap<PageRow, SVGElement>): void {
  for (const [row, mark] of marks) mark.classList.toggle('chosen', row === state.chosen());
  const chosen = state.chosen();
  const mark = chosen === undefined ? undefined : marks.get(chosen);
  mark?.parentElement?.append(mark);
}

function dye(mark: SVGElement, row: PageRow, scale: Scale | undefined): void {
  const share = scale?.place(row);
  if (share === undefined) mark.classList.add('plain');
  else mark.style.setProperty('--share', `${(share * 100).toFixed(1)}%`);
}

const choicesOf = (state: State): { value: string; text: string }[] =>
  state.data.columns.map(({ label }, index) => ({ value: String(index), text: label }));

const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** Each experiment a line across all chosen columns. */
export function openParallel(state: State): HTMLElement {
  const { columns } = state.data;
  const varying = varyingColumns(state.data);
  const metrics = varying.filter((index) => columns[index]?.kind === 'metrics');
  const params = varying.filter((index) => columns[index]?.kind === 'params');
  const axes = new Set([...params.slice(0, Math.max(firstAxes - metrics.length, 4)), ...metrics.slice(0, 4)]);
  let color = metrics[0] ?? varying[0];
  const height = 320;
  const top = 46;
  const drawing = shape('svg', {
    viewBox: `0 0 ${width} ${height + top + 20}`,
    tabindex: '0',
    role: 'img',
    'aria-label': 'Parallel coordinates. Arrow keys go from experiment to experiment.',
  });
  let marks = new Map<PageRow, SVGElement>();
  const draw = (): void => {
    const shown = [...axes];
    const rows = state.visible();
    const scales = shown.map((column) => scaleOf(column, rows, state.data));
    const dyes = color === undefined ? undefined : scaleOf(color, rows, state.data);
    // A thousand lines over each other show something only where each is faint.
    drawing.style.setProperty('--strength', Math.min(0.6, Math.max(0.12, 60 / rows.length)).toFixed(2));
    const left = (index: number): number => 50 + (shown.length < 2 ? 0 : (index * (width - 130)) / (shown.length - 1));
    const down = (share: number): number => top + (1 - share) * height;
    marks = new Map(
      rows.map((row) => {
        const points = scales.flatMap((scale, index) => {
          const share = scale.place(row);
          return share === undefined ? [] : [`${left(index).toFixed(1)},${down(share).toFixed(1)}`];
        });
        const line = shape(
          'polyline',
          { points: points.join(' '), class: `line ${row.kind}` },
          shape('title', {}, titleOf(row)),
        );
        dye(line, row, dyes);
        line.addEventListener('click', () => state.choose(row));
        return [row, line];
      }),
    );
    const axisOf = (column: number, index: number): SVGElement => {
      const scale = scales[index];
      const label = `${columns[column]?.label ?? ''}${scale?.log === true ? ' (log)' : ''}`;
      const heading = shape('text', { x: '0', y: String(index % 2 === 0 ? 30 : 14), class: 'heading' }, cut(label, 24));
      heading.append(shape('title', {}, label));
      const ticks = (scale?.ticks ?? []).map(({ at, text }) =>
        shape('text', { x: '6', y: String(down(at) + 4), class: 'tick' }, cut(text, 14)),
      );
      const line = shape('line', { x1: '0', x2: '0', y1: String(top), y2: String(top + height), class: 'axis' });
      return shape('g', { transform: `translate(${left(index)} 0)` }, line, heading, ...ticks);
    };
    drawing.replaceChildren(shape('g', {}, ...marks.values()), ...shown.map(axisOf));
    showChoice(state, marks);
  };
  state.onFilter(draw);
  state.onChoice(() => showChoice(state, marks));
  listenToArrows(drawing, state, state.visible);
  const ticks = columns.map(({ label }, index) =>
    tickBox(label, axes.has(index), (ticked) => {
      if (ticked) axes.add(index);
      else axes.delete(index);
      draw();
    }),
  );
  const options = element(
    'div',
    { class: 'options' },
    chooser('Color', choicesOf(state), String(color ?? ''), (value) => {
      color = Number(value);
      draw();
    }),
    legend(),
    element('details', {}, element('summary', {}, 'Axes'), element('div', { class: 'ticks' }, ...ticks)),
  );
  return element(
    'section',
    {},
    element('h2', {}, 'Parallel coordinates'),
    options,
    element('div', { class: 'plot' }, drawing),
  );
}

function legend(): HTMLElement {
  return element('span', { class: 'legend' }, 'least ', element('span', { class: 'ramp' }), ' most');
}

/** Each experiment a point in two chosen columns. */
export function openScatter(state: State): HTMLElement {
  const { columns } = state.data;
  const varying = varyingColumns(state.data);
  const metric = varying.find((index) => columns[index]?.kind === 'metrics');
  // Of the parameters the one that spreads experiments most.
  const spread = (index: number): number => new Set(state.data.rows.map(({ cells }) => cells[index])).size;
  const [param] = varying
    .filter((index) => columns[index]?.kind === 'params' && columns[index]?.numeric === true)
    .sort((one, other) => spread(other) - spread(one));
  const axes = {
    x: param ?? varying.find((index) => index !== metric) ?? 0,
    y: metric ?? varying[0] ?? 0,
    color: metric ?? varying[0] ?? 0,
  };
  const [height, side] = [380, 90];
  const drawing = shape('svg', {
    viewBox: `0 0 ${width} ${height + 70}`,
    tabindex: '0',
    role: 'img',
    'aria-label': 'Scatter plot. Arrow keys go from point to point, from left to right.',
  });
  let marks = new Map<PageRow, SVGElement>();
  let order: readonly PageRow[] = [];
  const draw = (): void => {
    const rows = state.visible();
    const [x, y, dyes] = [axes.x, axes.y, axes.color].map((column) => scaleOf(column, rows, state.data)) as [
      Scale,
      Scale,
      Scale,
    ];
    const across = (share: number): number => side + 10 + share * (width - side - 50);
    const down = (share: number): number => 15 + (1 - share) * height;
    const placed = rows.flatMap((row) => {
      const [right, up] = [x.place(row), y.place(row)];
      return right === undefined || up === undefined ? [] : [{ row, right, up }];
    });
    order = [...placed].sort((a, b) => a.right - b.right).map(({ row }) => row);
    marks = new Map(
      placed.map(({ row, right, up }) => {
        const [cx, cy] = [across(right).toFixed(1), down(up).toFixed(1)];
        const point = shape(
          'circle',
          { cx, cy, r: row.kind === 'experiment' ? '5' : '7', class: `point ${row.kind}` },
          shape('title', {}, titleOf(row)),
        );
        dye(point, row, dyes);
        point.addEventListener('click', () => state.choose(row));
        return [row, point];
      }),
    );
    const bottom = 15 + height + 12;
    const lines = [
      ...x.ticks.map(({ at }) => ({ x1: across(at), x2: across(at), y1: 15, y2: bottom })),
      ...y.ticks.map(({ at }) => ({ x1: side, x2: width - 40, y1: down(at), y2: down(at) })),
    ].map(({ x1, x2, y1, y2 }) =>
      shape('line', { x1: String(x1), x2: String(x2), y1: String(y1), y2: String(y2), class: 'grid' }),
    );
    const label = (column: number, scale: Scale): string =>
      `${columns[column]?.label ?? ''}${scale.log ? ' (log)' : ''}`;
    const texts = [
      ...x.ticks.map(({ at, text }) =>
        shape('text', { x: String(across(at)), y: String(bottom + 16), class: 'tick middle' }, cut(text, 14)),
      ),
      ...y.ticks.map(({ at, text }) =>
        shape('text', { x: String(side - 8), y: String(down(at) + 4), class: 'tick end' }, cut(text, 12)),
      ),
      shape(
        'text',
        { x: String(width / 2), y: String(bottom + 38), class: 'heading middle' },
        cut(label(axes.x, x), 60),
      ),
      shape(
        'text',
        { transform: `translate(14 ${height / 2}) rotate(-90)`, class: 'heading middle' },
        cut(label(axes.y, y), 40),
      ),
    ];
    drawing.replaceChildren(...lines, ...texts, shape('g', {}, ...marks.values()));
    showChoice(state, marks);
  };
  state.onFilter(draw);
  state.onChoice(() => showChoice(state, marks));
  listenToArrows(drawing, state, () => order);
  const choose = (name: 'x' | 'y' | 'color', label: string): HTMLElement =>
    chooser(label, choicesOf(state), String(axes[name]), (value) => {
      axes[name] = Number(value);
      draw();
    });
  const options = element(
    'div',
    { class: 'options' },
    choose('x', 'X'),
    choose('y', 'Y'),
    choose('color', 'Color'),
    legend(),
  );
  return element('section', {}, element('h2', {}, 'Scatter plot'), options, element('div', { class: 'plot' }, drawing));
}
