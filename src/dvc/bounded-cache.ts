/** Values by name, of which those unused for longest go when all together cost too much. */
export interface BoundedCache<Value> {
  get(name: string): Value | undefined;
  set(name: string, value: Value, cost: number): void;
}

/** @param limit of the sum of costs; a value that alone costs more is not kept */
export function createBoundedCache<Value>(limit: number): BoundedCache<Value> {
  const kept = new Map<string, { readonly value: Value; readonly cost: number }>();
  let total = 0;
  const drop = (name: string): void => {
    total -= kept.get(name)?.cost ?? 0;
    kept.delete(name);
  };
  return {
    get(name) {
      const found = kept.get(name);
      if (found === undefined) return undefined;
      // A Map keeps the order of insertion: last used goes last.
      kept.delete(name);
      kept.set(name, found);
      return found.value;
    },
    set(name, value, cost) {
      drop(name);
      if (cost > limit) return;
      kept.set(name, { value, cost });
      total += cost;
      for (const oldest of kept.keys()) {
        if (total <= limit) break;
        drop(oldest);
      }
    },
  };
}
