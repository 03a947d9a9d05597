// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import static io.dblock.handler.Operation.FLUSH;
import static io.dblock.handler.Operation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.fault.Fault;
import io.dblock.fault.FaultBuilder;
import io.dblock.fault.Unproven;
import io.dblock.handler.Errno;
import io.dblock.handler.RequestFlag;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Why a rule has acted on nothing: what the request was missing that came nearest. */
class NeverActedTest {
    private final FaultBench bench = new FaultBench();

    @AfterEach
    void close() {
        bench.close();
    }

    private interface Arming {
        FaultBuilder begin(FaultBuilder any);
    }

    private static Arguments on(String why, io.dblock.handler.Operation operation, Arming arming) {
        return Arguments.of(why, operation, arming);
    }

    static List<Arguments> reasons() {
        return List.of(
                on("No FLUSH has come.", FLUSH, rule -> rule),
                on("No WRITE has had the flags [META].", WRITE, rule -> rule.flags(RequestFlag.META)),
                on("No WRITE was of 4096 to 8192 bytes.", WRITE, rule -> rule.length(4096, 8192)),
                on("No WRITE was for sectors 8-15.", WRITE, rule -> rule.sectors(8, 15)),
                on("None came after the mark \"never\", or it was never set.", WRITE, rule -> rule.sinceMark("never")),
                on("All came after the mark \"set\".", WRITE, rule -> rule.untilMark("set")),
                on("None came after flush 7.", WRITE, rule -> rule.fromFlushEpoch(7)),
                on(
                        "Its predicate was asked 2 times and was never true.",
                        WRITE,
                        rule -> rule.matching(request -> false)),
                on("2 matched, and it skips the first 2.", WRITE, rule -> rule.after(2)),
                on("2 matched, and none was drawn.", WRITE, rule -> rule.probability(1e-9)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("reasons")
    void theNearestMissIsTold(String why, io.dblock.handler.Operation operation, Arming arming) {
        bench.marks.add("set");
        Fault fault = arming.begin(bench.faults.on(operation)).fail(Errno.EIO);
        assertThat(unproven()).endsWith("fail with EIO, armed at Test.java:1. No request has come while it was armed.");

        bench.write(0, 1, 'a');
        bench.write(0, 1, 'b');
        bench.read(0, 1);

        assertThat(unproven())
                .isEqualTo(
                        "dblock0: a rule never acted on a request: " + fault.rule() + ", armed at Test.java:1. " + why);
        assertThatThrownBy(() -> fault.awaitHit(Duration.ofMillis(1)))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("requests within 1 ms. " + why + " The last requests");
    }

    private String unproven() {
        List<NeverActed> all = bench.filter.neverActed();
        assertThat(all).hasSize(1);
        Unproven unproven = all.get(0).of("dblock0", "Test.java:1");
        assertThat(unproven.kind()).isEqualTo(Unproven.Kind.RULE_NEVER_ACTED);
        return unproven.text();
    }

    @Test
    void aRuleThatIsTooLateIsTold() {
        bench.faults.on(WRITE).lose();
        bench.faults.on(WRITE).fail(Errno.EIO);
        bench.write(0, 0, 'a');
        assertThat(unproven())
                .endsWith("Other rules had acted on what it matched, or there was nothing in it that it could act on.");
    }

    @Test
    void aDiskThatIsNotFullIsTold() {
        bench.faults.on(WRITE).full(10);
        bench.write(0, 0, 'a');
        assertThat(unproven()).endsWith("There was space for all that was written.");
    }

    @Test
    void aLieThatNobodyHeardIsTold() {
        Fault lie = bench.faults.onAny().ignoreFlushes();
        bench.write(0, 0, 'a');
        assertThat(unproven()).endsWith("No flush has reached the disk, and no write with FUA.");
        bench.flush();
        assertThat(lie.hits()).isEqualTo(1);
        assertThat(bench.filter.neverActed()).isEmpty();
    }

    @Test
    void whatTheKernelNeverSendsIsTold() {
        bench.caches = false;
        bench.fua = false;
        bench.faults.on(FLUSH).fail(Errno.EIO).close();
        Fault fua = bench.faults.on(WRITE).flags(RequestFlag.FUA).fail(Errno.EIO);
        bench.write(0, 0, 'a');
        assertThat(bench.filter.neverActed().get(1).why())
                .endsWith(
                        "The device takes no FUA (fua = false), so the kernel follows the write with a flush instead.");
        fua.close();
        bench.faults.on(FLUSH).fail(Errno.EIO);
        bench.write(0, 0, 'a');
        assertThat(bench.filter.neverActed().get(2).why())
                .endsWith("The device has no volatile write cache (cache = NONE), so the kernel sends it no flushes.");
    }

    @Test
    void aDiskThatHearsNoFlushCannotIgnoreOne() {
        bench.caches = false;
        assertThatThrownBy(() -> bench.faults.on(FLUSH).ignoreFlushes())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("which has no volatile write cache (cache = NONE)")
                .hasMessageContaining("Make it with cache = WRITE_BACK.");
        assertThat(bench.faults.history()).isEmpty();
    }

    /** A rule that was replaced is looked at as it is now. */
    @Test
    void aReplacedRuleHasReasonsOfItsOwn() {
        Fault fault = bench.faults.on(WRITE).matching(request -> false).fail(Errno.EIO);
        bench.write(0, 0, 'a');
        fault.replace(bench.faults.on(FLUSH).rule(fault.rule().action()));
        bench.read(0, 0);
        assertThat(unproven()).endsWith("No FLUSH has come.");
    }

    @Test
    void aRuleThatHasActedOrIsLenientIsNotAmongThem() {
        bench.faults.on(WRITE).fail(Errno.EIO);
        bench.faults.on(FLUSH).lenient().fail(Errno.EIO);
        bench.write(0, 0, 'a');
        assertThat(bench.filter.neverActed()).isEmpty();
    }

    @Test
    void nobodyWaitsForNoHit() {
        Fault fault = bench.faults.on(WRITE).fail(Errno.EIO);
        assertThatThrownBy(() -> fault.awaitHits(0, Duration.ofSeconds(1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("count is 0. Allowed: at least 1 request");
    }
}
