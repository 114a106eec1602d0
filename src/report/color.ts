/** How a word stands out. Never the only sign of anything. */
export type Style = 'id' | 'heading' | 'good' | 'bad' | 'dim' | 'changed';

export type Paint = (style: Style, text: string) => string;

const codes: Readonly<Record<Style, string>> = {
  id: '33',
  heading: '1',
  good: '32',
  bad: '31',
  dim: '2',
  changed: '1;36',
};

export const plainPaint: Paint = (_style, text) => text;
const colorPaint: Paint = (style, text) => `\u001b[${codes[style]}m${text}\u001b[m`;

/**
 * Colours or none, as Git decides (git-config(1), color.ui, color.pager), and NO_COLOR where Git is left to decide by itself.
 * `color.dvcexp` counts before `color.ui`, as `color.branch` does for `git branch`.
 *
 * @param terminal stdout is one
 */
export function choosePaint(
  terminal: boolean,
  configuration: (key: string) => string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  const wanted = (configuration('color.dvcexp') ?? configuration('color.ui') ?? 'auto').toLowerCase();
  if (wanted === 'always') return colorPaint;
  if (/^(?:never|false|no|off|0)$/.test(wanted)) return plainPaint;
  if ((env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb') return plainPaint;
  if (terminal) return colorPaint;
  const paged = env.GIT_PAGER_IN_USE !== undefined && !/^(?:false|no|off|0)$/i.test(configuration('color.pager') ?? '');
  return paged ? colorPaint : plainPaint;
}
