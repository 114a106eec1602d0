// Every scenario over one transport: plain Git and both of our forms must do the same in all that can be seen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Form, openStage, type Scenario, type Stage, type Transport } from './bench.ts';
import { scenarios } from './scenarios.ts';

/** The forms differ in how the address is found, which does not depend on the transport. */
function formsOf(scenario: Scenario, transport: Transport): readonly Form[] {
  const both = scenario.bothForms === true || transport === 'path';
  return both ? ['vcs', 'prefix'] : ['vcs'];
}

/** A download that is asked for before Git has the objects could not read what the commits name. */
function checkNotes(played: Awaited<ReturnType<Stage['play']>>): void {
  for (const note of played.bench.notes()) {
    if (note.event === 'download') assert.ok(note.present, 'the wanted objects are here when data is downloaded');
  }
}

async function compare(stage: Stage, scenario: Scenario, transport: Transport): Promise<void> {
  const plain = scenario.oursOnly ? undefined : await stage.play(scenario, transport, 'plain');
  for (const form of formsOf(scenario, transport)) {
    const ours = await stage.play(scenario, transport, form);
    if (plain !== undefined) assert.deepEqual(ours.outcome, plain.outcome, `form ${form}`);
    checkNotes(ours);
    scenario.check?.(ours.bench, ours.outcome);
  }
}

/** Registers one test for each scenario that makes sense over the transport. */
export function compareAll(transport: Transport): void {
  let stage: Stage;
  before(async () => {
    stage = await openStage();
  });
  after(() => stage?.close());
  for (const scenario of scenarios.filter(({ on }) => on === undefined || on.includes(transport))) {
    test(`${transport}: ${scenario.name}`, { timeout: 120_000 }, () => compare(stage, scenario, transport));
  }
}
