// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.internal.crash.CrashLog.Op;
import io.dblock.internal.crash.CrashStates.Settings;
import io.dblock.internal.crash.CrashStates.State;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(120)
class CrashStatesTest {
    private static final Settings ALL = new Settings(1, 1 << 20, 0);

    private static List<State> states(CrashLog log, Settings settings) {
        List<State> all = new ArrayList<>();
        new CrashStates(log, settings).forEachRemaining(all::add);
        return all;
    }

    private static List<String> ids(CrashLog log, List<State> states) {
        Replay replay = new Replay(log);
        return states.stream()
                .map(state ->
                        state.point().id(replay.to(state.point().requests()).unflushed()))
                .toList();
    }

    /** Which blocks of writes may be lost, by the definition: no FUA, and no flush that covers the write. */
    private static boolean isDurable(CrashLog log, Op op, int requests) {
        return op.durable()
                || log.ops().subList(op.number(), requests).stream()
                        .anyMatch(flush ->
                                flush.isFlush() && op.completion() > 0 && op.completion() <= flush.completion());
    }

    /** Every subset of the blocks of unflushed writes, in the order of the writes. */
    private static void bruteForce(CrashLog log, int requests, int acknowledged, Set<CrashStates.Key> found) {
        List<int[]> units = new ArrayList<>();
        for (Op op : log.ops().subList(0, requests)) {
            for (int b = 0; b < op.blocks() && !isDurable(log, op, requests); b++) {
                units.add(new int[] {op.number(), b});
            }
        }
        assertThat(units.size()).as("units").isLessThan(20);
        for (int subset = 0; subset < 1 << units.size(); subset++) {
            int[] content = new int[log.blocks()];
            Arrays.fill(content, CrashLog.START);
            for (Op op : log.ops().subList(0, requests)) {
                for (int b = 0; b < op.blocks(); b++) {
                    int unit = indexOf(units, op.number(), b);
                    if (unit < 0 || (subset & (1 << unit)) != 0) {
                        content[op.first() + b] = op.number();
                    }
                }
            }
            found.add(new CrashStates.Key(new Replay(log).hash(content), acknowledged));
        }
    }

    private static int indexOf(List<int[]> units, int op, int block) {
        for (int i = 0; i < units.size(); i++) {
            if (units.get(i)[0] == op && units.get(i)[1] == block) {
                return i;
            }
        }
        return -1;
    }

    private static int unitsAtMost(CrashLog log) {
        int most = 0;
        for (int requests = 0; requests <= log.size(); requests++) {
            int units = 0;
            for (Op op : log.ops().subList(0, requests)) {
                units += isDurable(log, op, requests) ? 0 : op.blocks();
            }
            most = Math.max(most, units);
        }
        return most;
    }

    @Test
    void theStatesAreThoseOfABruteForceEnumeration() {
        int logs = 0;
        int states = 0;
        for (long seed = 0; seed < 400; seed++) {
            CrashLog log = Logs.random(seed, 9);
            if (unitsAtMost(log) > 13) {
                continue;
            }
            Set<CrashStates.Key> expected = new HashSet<>();
            for (int requests = 0; requests <= log.size(); requests++) {
                int before = requests == 0 ? 0 : log.acknowledgedBy(requests - 1);
                bruteForce(log, requests, before, expected);
                bruteForce(log, requests, log.acknowledgedBy(requests), expected);
            }
            List<State> found = states(log, ALL);
            Set<CrashStates.Key> keys = new HashSet<>();
            found.forEach(state ->
                    keys.add(new CrashStates.Key(state.hash(), state.point().acknowledged())));
            assertThat(keys).as("the states of log %d", seed).isEqualTo(expected);
            assertThat(found).as("each once").hasSameSizeAs(keys);
            logs++;
            states += found.size();
        }
        System.out.println("crash states: " + logs + " logs, " + states + " states, as by brute force");
        assertThat(logs).isGreaterThan(100);
    }

    @Test
    void aStateHasTheHashOfItsContent() {
        for (long seed = 0; seed < 100; seed++) {
            CrashLog log = Logs.random(seed, 30);
            Replay replay = new Replay(log);
            for (State state : states(log, new Settings(seed, 8, 5))) {
                assertThat(replay.hash(replay.content(state.point())))
                        .as("%s of log %d, %s", state, seed, state.family())
                        .isEqualTo(state.hash());
            }
        }
    }

    @Test
    void anIdHasAllOfAState() {
        for (long seed = 0; seed < 100; seed++) {
            CrashLog log = Logs.random(seed, 30);
            Replay replay = new Replay(log);
            List<State> states = states(log, new Settings(seed, 8, 5));
            List<String> ids = ids(log, states);
            for (int i = 0; i < states.size(); i++) {
                CrashPoint parsed = CrashPoint.parse(ids.get(i), new Replay(log));
                assertThat(parsed).as(ids.get(i)).isEqualTo(states.get(i).point());
                assertThat(replay.hash(replay.content(parsed)))
                        .isEqualTo(states.get(i).hash());
            }
            assertThat(ids).doesNotHaveDuplicates();
        }
    }

    @Test
    void theSameSeedGivesTheSameStatesInTheSameOrder() {
        CrashLog log = Logs.random(5, 60);
        List<String> ids = ids(log, states(log, new Settings(7, 4, 10)));
        assertThat(ids(log, states(log, new Settings(7, 4, 10)))).isEqualTo(ids);
        assertThat(ids(log, states(log, new Settings(8, 4, 10)))).isNotEqualTo(ids);
    }

    @Test
    void aDiskWithoutCacheHasOneStateAtEachMoment() {
        CrashLog log =
                new Logs().writeFua(0, 1, 2).writeFua(1, 3).writeFua(0, 4, 5).log();
        assertThat(ids(log, states(log, ALL))).containsExactlyInAnyOrder("0.0:", "1.0:", "2.0:", "3.0:");
    }

    @Test
    void aFlushCoversWhatWasCompletedWhenItCame() {
        CrashLog log = new Logs().write(0, 1).write(1, 2).flush(1).log();
        assertThat(ids(log, states(log, ALL))).containsExactly("3.0:all", "3.0:", "0.0:", "2.0:0");
        assertThat(new Replay(log).to(3).unflushed())
                .extracting(write -> write.op().number())
                .containsExactly(1);
    }

    @Test
    void whatIsAcknowledgedIsCheckedFirstWithNothingThatIsUnflushed() {
        CrashLog log = new Logs()
                .write(0, 1)
                .flush()
                .acknowledge()
                .write(1, 2)
                .acknowledge()
                .write(2, 3)
                .log();
        assertThat(ids(log, states(log, ALL))).startsWith("2.1:", "3.2:all", "3.2:", "4.2:", "0.0:", "1.0:");
    }

    @Test
    void aWriteOfWhatIsThereIsNoOtherState() {
        CrashLog log = new Logs().write(0, 1000, 1001).log();
        assertThat(ids(log, states(log, ALL))).hasSize(1);
    }

    @Test
    void aDiskThatIgnoresFlushesCanLoseWhatWasFlushed() {
        CrashLog log = new Logs().write(0, 1).flush().writeFua(1, 2).logOfNothingDurable();
        assertThat(ids(log, states(log, ALL))).contains("3.0:all", "3.0:0", "3.0:", "1.0:");
        assertThat(ids(log, states(new Logs().write(0, 1).flush().writeFua(1, 2).log(), ALL)))
                .contains("3.0:")
                .doesNotContain("3.0:all", "3.0:0");
    }

    @Test
    void aDiskThatKeepsOrderLosesTheLastWrites() {
        CrashLog log = new Logs().write(0, 1, 2).write(1, 3).write(5, 4).logInOrder();
        assertThat(ids(log, states(log, ALL))).containsExactlyInAnyOrder("3.0:all", "3.0:", "1.0:", "2.0:");
    }

    @Test
    void theStatesOfADiskThatKeepsOrderAreThoseOfABruteForceEnumeration() {
        int states = 0;
        for (long seed = 0; seed < 400; seed++) {
            CrashLog log = Logs.randomInOrder(seed, 12);
            Set<CrashStates.Key> expected = new HashSet<>();
            for (int requests = 0; requests <= log.size(); requests++) {
                inOrder(log, requests, requests == 0 ? 0 : log.acknowledgedBy(requests - 1), expected);
                inOrder(log, requests, log.acknowledgedBy(requests), expected);
            }
            Set<CrashStates.Key> keys = new HashSet<>();
            states(log, ALL)
                    .forEach(state -> keys.add(
                            new CrashStates.Key(state.hash(), state.point().acknowledged())));
            assertThat(keys).as("the states of log %d", seed).isEqualTo(expected);
            states += keys.size();
        }
        assertThat(states).isGreaterThan(2000);
    }

    /** Every number of the unflushed writes, the first ones. */
    private static void inOrder(CrashLog log, int requests, int acknowledged, Set<CrashStates.Key> found) {
        for (int kept = 0; kept <= requests; kept++) {
            int[] content = new int[log.blocks()];
            Arrays.fill(content, CrashLog.START);
            for (Op op : log.ops().subList(0, requests)) {
                for (int b = 0; b < op.blocks() && (op.number() < kept || isDurable(log, op, requests)); b++) {
                    content[op.first() + b] = op.number();
                }
            }
            found.add(new CrashStates.Key(new Replay(log).hash(content), acknowledged));
        }
    }
}
