// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.fault.Action;
import io.dblock.fault.Fault;
import io.dblock.fault.FaultBuilder;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Faults;
import io.dblock.fault.Match;
import io.dblock.handler.Errno;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LiveFaultsTest {
    private final FaultBench bench = new FaultBench();
    private final Faults faults = bench.faults;

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    void rulesAreListedInTheOrderInWhichTheyAct() {
        Fault first = faults.on(READ).fail(Errno.EIO);
        Fault second = faults.on(WRITE).named("second").lose();
        assertThat(faults.list()).containsExactly(first, second);
        assertThat(faults.find("second")).contains(second);
        assertThat(faults.find("third")).isEmpty();
        assertThat(first.name()).isEqualTo("fault-1");
        assertThat(first.rule().name()).isEqualTo("fault-1");
        assertThat(second)
                .hasSameHashCodeAs(faults.find("second").orElseThrow())
                .isNotEqualTo(first);
    }

    @Test
    void aRuleIsRemovedAtTheEndOfItsScope() {
        try (Fault fault = faults.on(READ).fail(Errno.EIO)) {
            bench.read(0, 0);
            assertThat(fault.hits()).isEqualTo(1);
        }
        assertThat(bench.read(0, 0).result()).isEqualTo("ok");
        assertThat(faults.list()).isEmpty();
    }

    @Test
    void clearRemovesAllRules() {
        Fault first = faults.on(READ).fail(Errno.EIO);
        Fault second = faults.on(WRITE).hold();
        FaultBench.Request held = bench.write(0, 0, 'a');
        faults.clear();
        assertThat(held.result()).isEqualTo("ok");
        assertThat(first.isArmed()).isFalse();
        assertThat(second.isArmed()).isFalse();
        first.close();
        assertThat(bench.read(0, 0).result()).isEqualTo("ok");
    }

    @Test
    void aRuleThatNeverActedIsUnusedEvenWhenItWasRemoved() {
        Fault used = faults.on(READ).fail(Errno.EIO);
        Fault unused = faults.on(WRITE).fail(Errno.EIO);
        faults.on(WRITE).lenient().fail(Errno.EIO);
        Fault removed = faults.on(WRITE).sectors(7, 7).fail(Errno.EIO);
        removed.close();
        bench.read(0, 0);
        assertThat(faults.unused()).containsExactly(unused, removed);
        assertThat(faults.history()).hasSize(4).contains(used);
        assertThat(removed).hasToString("\"fault-4\": on WRITE, sector 7: fail with EIO (0 hits, removed)");
        assertThat(used).hasToString("\"fault-1\": on READ: fail with EIO (1 hit)");
    }

    @Test
    void theHistoryIsBoundedButForgetsNoUnusedRule() {
        Fault unused = faults.on(WRITE).fail(Errno.EIO);
        unused.close();
        for (int i = 0; i < 3000; i++) {
            try (Fault fault = faults.on(READ).fail(Errno.EIO)) {
                bench.read(0, 0);
                assertThat(fault.hits()).isEqualTo(1);
            }
        }
        assertThat(faults.history()).hasSizeLessThanOrEqualTo(1001).contains(unused);
        assertThat(faults.unused()).containsExactly(unused);
    }

    @Test
    void aNameIsThereOnce() {
        faults.on(READ).named("bad").fail(Errno.EIO);
        assertThatThrownBy(() -> faults.on(WRITE).named("bad").lose())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("a rule with the name \"bad\" already: \"bad\": on READ: fail with EIO");
        faults.clear();
        assertThat(faults.on(WRITE).named("bad").lose().name()).isEqualTo("bad");
    }

    @Test
    void aGivenNameMayLookLikeOneMadeUp() {
        faults.on(READ).named("fault-2").fail(Errno.EIO);
        assertThat(faults.on(READ).fail(Errno.EIO).name()).startsWith("fault-2-");
    }

    @Test
    void aRuleIsReplacedWhileItIsArmed() {
        Fault fault = faults.on(READ).times(1).named("bad").fail(Errno.EIO);
        bench.read(0, 0);
        fault.replace(fault.rule().withAction(new Action.Fail(Errno.EILSEQ)));
        assertThat(bench.read(0, 0).result()).isEqualTo("EILSEQ");
        assertThat(bench.read(0, 0).result()).isEqualTo("ok");
        assertThat(fault.hits()).isEqualTo(2);
        fault.replace(new FaultRule(Match.on(WRITE), new Action.Lose()));
        assertThat(fault.rule()).hasToString("\"bad\": on WRITE: lose");
    }

    @Test
    void aBuilderCanBeUsedForSeveralRules() {
        FaultBuilder builder = faults.on(WRITE).times(1);
        builder.sectors(0, 0).fail(Errno.EIO);
        builder.sectors(1, 1).fail(Errno.ENOSPC);
        assertThat(bench.write(0, 1, 'a').result()).isEqualTo("1 EIO, 1 ENOSPC");
    }

    @Test
    void aRuleCanBeAddedAsData() {
        FaultRule rule = faults.on(READ).sectors(8, 15).named("data").rule(new Action.Fail(Errno.EIO));
        assertThat(faults.add(rule).rule()).isEqualTo(rule);
        assertThat(bench.read(8, 8).result()).isEqualTo("EIO");
    }
}
