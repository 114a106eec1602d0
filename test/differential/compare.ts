// Every scenario over one transport: plain Git and both of our forms must do the same in all that can be seen.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openStage, type Played, type Stage } from './bench.ts';
import { acceptedOf, assertSame } from './difference.ts';
import type { Form, Scenario, Transport } from './scenario.ts';
import { themes } from './scenarios.ts';
import { openTable } from './table.ts';

/** The forms differ in how the address is found, which does not depend on the transport. */
function formsOf(scenario: Scenario, transport: Transport): readonly Form[] {
  const both = scenario.bothForms === true || transport === 'path';
  return both ? ['vcs', 'prefix'] : ['vcs'];
}

/** A download that is asked for before Git has the objects could not read what the commits name. */
function checkNotes(played: Played): void {
  for (const note of played.bench.notes()) {
    if (note.event === 'download') assert.ok(note.present, 'the wanted objects are here when data is downloaded');
  }
}

/** Answers the number of our runs, and in how many of them something was accepted. */
async function compare(stage: Stage, scenario: Scenario, transport: Transport) {
  const plain = scenario.oursOnly ? undefined : await stage.play(scenario, 'plain');
  let accepted = 0;
  const forms = formsOf(scenario, transport);
  for (const form of forms) {
    const ours = await stage.play(scenario, form);
    const expected = acceptedOf(scenario.accepted, ours.bench);
    if (expected.length > 0) accepted += 1;
    if (plain !== undefined) assertSame({ plain: plain.outcome, ours: ours.outcome }, expected, form);
    checkNotes(ours);
    scenario.check?.(ours.bench, ours.outcome);
  }
  return { runs: plain === undefined ? 0 : forms.length, accepted };
}

/** Registers one test for each scenario that makes sense over the transport. */
export function compareAll(transport: Transport): void {
  let stage: Stage;
  const table = openTable(transport);
  const only = process.env.DVCEXP_TEST_ONLY ?? '';
  before(async () => {
    stage = await openStage(transport);
  });
  after(async () => {
    await stage?.close();
    // Of a choice of scenarios the table would be wrong.
    if (only === '') table.close();
  });
  // Most of the time is spent in waiting for one process or another.
  describe(transport, { concurrency: 2 }, () => {
    for (const [theme, scenarios] of Object.entries(themes)) {
      for (const scenario of scenarios) {
        if (scenario.on?.includes(transport) === false || !scenario.name.includes(only)) continue;
        test(scenario.name, { timeout: 120_000 }, async () => {
          table.began(theme);
          table.ended(theme, await compare(stage, scenario, transport));
        });
      }
    }
  });
}
