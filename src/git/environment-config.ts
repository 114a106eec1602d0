import type { Environment } from './process.ts';

/**
 * The environment with more settings for the Git that is started in it and everything below: as `git -c` gives them, and
 * whatever characters the key holds (git-config(1), GIT_CONFIG_COUNT).
 */
export function withSettings(
  env: Environment,
  settings: readonly (readonly [key: string, value: string])[],
): Environment {
  const known = /^[0-9]{1,6}$/.test(env.GIT_CONFIG_COUNT ?? '') ? Number(env.GIT_CONFIG_COUNT) : 0;
  const added = settings.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${known + index}`, key],
    [`GIT_CONFIG_VALUE_${known + index}`, value],
  ]);
  return { ...env, ...Object.fromEntries(added), GIT_CONFIG_COUNT: String(known + settings.length) };
}
