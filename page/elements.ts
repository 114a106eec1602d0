type Attributes = Readonly<Record<string, string>>;

/** An element with attributes and children. Text is never taken for markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** As element, for drawings. */
export function shape<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export interface Choice {
  readonly value: string;
  readonly text: string;
}

/** A labelled list to choose one thing from. */
export function chooser(
  label: string,
  choices: readonly Choice[],
  chosen: string,
  onChoice: (value: string) => void,
): HTMLLabelElement {
  const select = element('select');
  for (const { value, text } of choices) {
    const option = element('option', { value }, text);
    option.selected = value === chosen;
    select.append(option);
  }
  select.addEventListener('change', () => onChoice(select.value));
  return element('label', {}, `${label} `, select);
}

/** A box to tick. */
export function tickBox(label: string, ticked: boolean, onChange: (ticked: boolean) => void): HTMLLabelElement {
  const box = element('input', { type: 'checkbox' });
  box.checked = ticked;
  box.addEventListener('change', () => onChange(box.checked));
  return element('label', { class: 'tick' }, box, ` ${label}`);
}
