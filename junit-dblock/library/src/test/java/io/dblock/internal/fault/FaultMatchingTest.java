// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import static io.dblock.handler.Operation.DISCARD;
import static io.dblock.handler.Operation.FLUSH;
import static io.dblock.handler.Operation.READ;
import static io.dblock.handler.Operation.WRITE;
import static io.dblock.handler.Operation.WRITE_ZEROES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.fault.Action;
import io.dblock.fault.Fault;
import io.dblock.fault.FaultBuilder;
import io.dblock.fault.Match;
import io.dblock.fault.Tear;
import io.dblock.handler.Errno;
import io.dblock.handler.RequestFlag;
import io.dblock.internal.fault.FaultBench.Request;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class FaultMatchingTest {
    private FaultBench bench = new FaultBench();

    @AfterEach
    void nothingWentWrongUnseen() {
        bench.close();
        assertThat(bench.failures).isEmpty();
    }

    private FaultBuilder on() {
        return bench.faults.onAny();
    }

    @Test
    void aRequestThatNoRuleConcernsIsNotTouched() {
        bench.faults.on(WRITE).sectors(8, 15).fail(Errno.EIO);
        Request untouched = bench.write(16, 23, 'a');
        assertThat(untouched.answer().rules()).isEmpty();
        assertThat(bench.disk.done).containsExactly("WRITE 8192+4096");
    }

    @Test
    void theFilterIsEmptyWithoutRules() {
        assertThat(bench.filter.isEmpty()).isTrue();
        try (Fault fault = bench.faults.on(READ).lenient().fail(Errno.EIO)) {
            assertThat(bench.filter.isEmpty()).isFalse();
            assertThat(fault.isArmed()).isTrue();
        }
        assertThat(bench.filter.isEmpty()).isTrue();
    }

    @Test
    void operationsAreToldApart() {
        bench.faults.on(READ, FLUSH).fail(Errno.EIO);
        assertThat(bench.read(0, 0).result()).isEqualTo("EIO");
        assertThat(bench.flush().result()).isEqualTo("EIO");
        assertThat(bench.write(0, 0, 'a').result()).isEqualTo("ok");
        assertThat(bench.discard(0, 0).result()).isEqualTo("ok");
        assertThat(bench.zeroes(0, 0).result()).isEqualTo("ok");
    }

    @Test
    void aRuleWithARangeNeverMatchesAFlush() {
        Fault fault = on().sectors(0, 0).fail(Errno.EIO);
        assertThat(bench.flush().result()).isEqualTo("ok");
        assertThat(fault.hits()).isZero();
    }

    @Test
    void aRangeMayBeGivenInBytes() {
        bench.faults.on(READ).bytes(1024, 512).fail(Errno.EIO);
        assertThat(bench.read(0, 3).result()).isEqualTo("2 ok, 1 EIO, 1 ok");
    }

    @Test
    void allOfTheFlagsMustBeThere() {
        on().flags(RequestFlag.FUA, RequestFlag.META).fail(Errno.EIO);
        assertThat(bench.write(0, 0, 'a', RequestFlag.FUA).result()).isEqualTo("ok");
        assertThat(bench.write(0, 0, 'a', RequestFlag.META, RequestFlag.SYNC).result())
                .isEqualTo("ok");
        assertThat(bench.write(0, 0, 'a', RequestFlag.META, RequestFlag.SYNC, RequestFlag.FUA)
                        .result())
                .isEqualTo("EIO");
    }

    @Test
    void theLengthIsThatOfTheWholeRequest() {
        on().sectors(0, 1).length(1024, 2048).fail(Errno.EIO);
        assertThat(bench.read(0, 0).result()).isEqualTo("ok");
        assertThat(bench.read(0, 1).result()).isEqualTo("EIO");
        assertThat(bench.read(0, 3).result()).isEqualTo("2 EIO, 2 ok");
        assertThat(bench.read(0, 4).result()).isEqualTo("ok");
    }

    @Test
    void afterAndTimesCountRequests() {
        Fault fault = bench.faults.on(WRITE).after(2).times(2).fail(Errno.EIO);
        List<String> results = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            bench.read(0, 0);
            results.add(bench.write(0, 7, 'a').result());
        }
        assertThat(results).containsExactly("ok", "ok", "EIO", "EIO", "ok", "ok");
        assertThat(fault.hits()).isEqualTo(2);
    }

    @Test
    void aRequestThatARuleLetsByIsSeenByTheNext() {
        bench.faults.on(WRITE).after(1).fail(Errno.EIO);
        bench.faults.on(WRITE).times(1).fail(Errno.ENOSPC);
        assertThat(bench.write(0, 0, 'a').result()).isEqualTo("ENOSPC");
        assertThat(bench.write(0, 0, 'a').result()).isEqualTo("EIO");
    }

    @Test
    void aRuleIsInForceBetweenMarks() {
        bench.faults.on(READ).sinceMark("begin").untilMark("end").fail(Errno.EIO);
        assertThat(bench.read(0, 0).result()).isEqualTo("ok");
        bench.marks.add("begin");
        assertThat(bench.read(0, 0).result()).isEqualTo("EIO");
        bench.marks.add("end");
        assertThat(bench.read(0, 0).result()).isEqualTo("ok");
    }

    @Test
    void aRuleIsInForceFromAFlushEpochOn() {
        bench.faults.on(READ).fromFlushEpoch(3).fail(Errno.EIO);
        bench.flushEpoch = 2;
        assertThat(bench.read(0, 0).result()).isEqualTo("ok");
        bench.flushEpoch = 3;
        assertThat(bench.read(0, 0).result()).isEqualTo("EIO");
    }

    @Test
    void aPredicateSeesTheWholeRequest() {
        bench.faults
                .on(READ)
                .sectors(2, 2)
                .matching(info -> info.length() == 2048)
                .matching(info -> info.offset() == 0)
                .fail(Errno.EIO);
        assertThat(bench.read(0, 3).result()).isEqualTo("2 ok, 1 EIO, 1 ok");
        assertThat(bench.read(1, 4).result()).isEqualTo("ok");
        assertThat(bench.read(0, 2).result()).isEqualTo("ok");
    }

    @Test
    void aPredicateThatThrowsFailsTheRequestAndIsReported() {
        RuntimeException oops = new IllegalStateException("oops");
        Fault fault = bench.faults
                .on(READ)
                .matching(info -> {
                    throw oops;
                })
                .fail(Errno.ENOSPC);
        assertThat(bench.read(0, 0).result()).isEqualTo("EIO");
        assertThat(bench.failures).containsExactly(oops);
        assertThat(fault.hits()).isZero();
        bench.failures.clear();
    }

    @Test
    void aProbabilityIsThatOfRequests() {
        Fault fault = bench.faults.on(READ).probability(0.25).fail(Errno.EIO);
        for (int i = 0; i < 4000; i++) {
            assertThat(bench.read(0, 7).result()).isIn("ok", "EIO");
        }
        // Six standard deviations.
        assertThat(fault.hits()).isBetween(1000L - 165, 1000L + 165);
    }

    // ---- order ----

    @Test
    void theFirstRuleThatMatchesASectorWins() {
        bench.faults.on(READ).sectors(2, 3).fail(Errno.EILSEQ);
        bench.faults.on(READ).sectors(1, 4).fail(Errno.ENODATA);
        bench.faults.on(READ).fail(Errno.EIO);
        assertThat(bench.read(0, 5).result()).isEqualTo("1 EIO, 1 ENODATA, 2 EILSEQ, 1 ENODATA, 1 EIO");
    }

    @Test
    void aRulePutFirstWins() {
        bench.faults.on(READ).fail(Errno.EIO);
        bench.faults.on(READ).first().sectors(0, 0).fail(Errno.EILSEQ);
        assertThat(bench.read(0, 1).result()).isEqualTo("1 EILSEQ, 1 EIO");
        assertThat(bench.faults.list()).extracting(Fault::name).containsExactly("fault-2", "fault-1");
    }

    @Test
    void aRuleThatFallsThroughLetsLaterOnesActToo() {
        Fault flip = bench.faults.on(WRITE).sectors(0, 3).fallThrough().flipBits(1);
        Fault misdirect = bench.faults.on(WRITE).sectors(2, 3).fallThrough().misdirect(4 * 512);
        Fault lose = bench.faults.on(WRITE).sectors(3, 4).lose();
        Request write = bench.write(0, 5, 'a');
        assertThat(bench.letters(8)).isEqualTo("??...a?.");
        assertThat(write.answer().rules()).containsExactly(flip.name(), misdirect.name(), lose.name());
    }

    @Test
    void whatIsMisdirectedIsNotMisdirectedAgain() {
        bench.faults.on(WRITE).sectors(0, 0).fallThrough().misdirect(512);
        Fault second = bench.faults.on(WRITE).misdirect(8 * 512);
        bench.write(0, 0, 'a');
        assertThat(bench.letters(10)).isEqualTo(".a........");
        assertThat(second.hits()).isZero();
        bench.write(0, 1, 'b');
        assertThat(bench.letters(10)).isEqualTo(".b.......b");
    }

    @Test
    void theFirstStaleContentIsRead() {
        bench.write(0, 0, 'a');
        bench.faults.on(READ).fallThrough().stale();
        bench.write(0, 0, 'b');
        Fault second = bench.faults.on(READ).stale();
        bench.write(0, 0, 'c');
        assertThat(bench.read(0, 0).letters()).isEqualTo("a");
        assertThat(second.hits()).isZero();
    }

    @Test
    void staleContentIsMisdirectedAndCorruptedToo() {
        bench.write(0, 1, 'a');
        bench.faults.on(READ).fallThrough().stale();
        bench.faults.on(READ).sectors(2, 3).fallThrough().misdirect(-1024);
        bench.faults.on(READ).sectors(3, 3).flipBits(1);
        bench.write(0, 7, 'b');
        assertThat(bench.read(0, 3).letters()).isEqualTo("aaa?");
    }

    @Test
    void aRequestCutsThePowerOnce() {
        bench.faults.on(WRITE).fallThrough().powerCut(io.dblock.power.Survivors.ALL);
        Fault second = bench.faults.on(WRITE).powerCut(io.dblock.power.Survivors.NONE);
        bench.write(0, 0, 'a');
        assertThat(bench.cuts).hasSize(1);
        assertThat(second.hits()).isZero();
    }

    @Test
    void anErrorThatFallsThroughLeavesOnlyTimingToLaterRules() {
        bench.faults.on(WRITE).fallThrough().fail(Errno.EIO);
        Fault lose = bench.faults.on(WRITE).lose();
        Fault hold = bench.faults.on(WRITE).hold();
        Request write = bench.write(0, 0, 'a');
        assertThat(write.answered()).isFalse();
        hold.release();
        assertThat(write.result()).isEqualTo("EIO");
        assertThat(lose.hits()).isZero();
    }

    @Test
    void aLostWriteThatFallsThroughCanStillFail() {
        bench.faults.on(WRITE).fallThrough().lose();
        bench.faults.on(WRITE).fail(Errno.EIO);
        assertThat(bench.write(0, 0, 'a').result()).isEqualTo("EIO");
        assertThat(bench.letters(1)).isEqualTo(".");
    }

    @Test
    void aFullDiskHidesNothingFromLaterRules() {
        Fault full = bench.faults.on(WRITE).full(1);
        Fault fail = bench.faults.on(WRITE).sectors(0, 0).fail(Errno.EIO);
        assertThat(bench.write(0, 2, 'a').result()).isEqualTo("1 EIO, 1 ok, 1 ENOSPC");
        assertThat(full.hits()).isEqualTo(1);
        assertThat(fail.hits()).isEqualTo(1);
    }

    @Test
    void tearsCountTheSectorsThatEarlierRulesLeave() {
        bench.faults.on(WRITE).sectors(2, 3).lose();
        bench.faults.on(WRITE).tear(Tear.prefix(4));
        bench.write(0, 7, 'a');
        assertThat(bench.letters(8)).isEqualTo("aa..aa..");
    }

    @Test
    void aLargeDiscardCanBeTorn() {
        bench = new FaultBench(1 << 26, 512);
        bench.fill(0, 1 << 26, 'a');
        Fault tear = bench.faults.on(DISCARD).tear(Tear.EVERY_OTHER);
        assertThat(bench.discard(0, (1 << 17) - 1).result()).isEqualTo("ok");
        assertThat(bench.letters(8)).isEqualTo("..aa..aa");
        assertThat(tear.hits()).isEqualTo(1);
    }

    // ---- replay ----

    static List<Function<FaultBuilder, Fault>> randomRules() {
        return List.of(
                rule -> rule.probability(0.5).fail(Errno.EIO),
                rule -> rule.tear(Tear.RANDOM),
                FaultBuilder::garbage,
                rule -> rule.flipBits(7));
    }

    @ParameterizedTest
    @MethodSource("randomRules")
    void theSameSeedGivesTheSameWhateverOtherRulesDo(Function<FaultBuilder, Fault> rule) {
        String plain = run(rule, false, 7);
        assertThat(run(rule, true, 7)).isEqualTo(plain);
        assertThat(run(rule, false, 8)).isNotEqualTo(plain);
    }

    private static String run(Function<FaultBuilder, Fault> rule, boolean others, long seed) {
        FaultBench bench = new FaultBench();
        bench.faults.seed(seed);
        assertThat(bench.faults.seed()).isEqualTo(seed);
        assertThat(rule.apply(bench.faults.on(WRITE).sectors(0, 63)).isArmed()).isTrue();
        if (others) {
            bench.faults.onAny().sectors(64, 127).probability(0.3).garbage();
            bench.faults.on(READ).garbage();
        }
        StringBuilder results = new StringBuilder();
        for (int i = 0; i < 32; i++) {
            results.append(bench.write(i, i + 3, (char) ('a' + i)).result());
            if (others) {
                bench.write(64, 127, 'x');
                bench.read(0, 7);
            }
        }
        byte[] image = java.util.Arrays.copyOf(bench.image, 64 * 512);
        bench.close();
        return results + " " + java.util.Arrays.hashCode(image);
    }

    // ---- wrong for the device ----

    @Test
    void aRangeOfPartsOfBlocksIsRefused() {
        bench = new FaultBench(1 << 16, 4096);
        assertThatThrownBy(() -> bench.faults.on(READ).sectors(8, 14).fail(Errno.EIO))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "The rule \"on READ, sectors 8-14: fail with EIO\" does not fit this device: its range (4096 to"
                                + " 7680 bytes). Allowed: whole logical blocks of 4096 bytes, 8 sectors each.");
        assertThatThrownBy(() -> bench.faults.on(READ).failAfter(4, Errno.EIO))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("4 sectors. Allowed: whole logical blocks of 8 sectors");
        assertThatThrownBy(() -> bench.faults.on(READ).misdirect(512))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("512 bytes. Allowed: multiples of the logical block (4096 bytes)");
        assertThat(bench.faults.list()).isEmpty();
    }

    @Test
    void aRangeBeyondTheDeviceIsRefused() {
        assertThatThrownBy(() -> bench.faults.on(READ).sectors(127, 128).fail(Errno.EIO))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(
                        "its range ends at 66048 bytes. Allowed: up to the device's size, 65536 bytes (128"
                                + " sectors)");
        bench.faults.on(READ).sectors(127, 127).fail(Errno.EIO);
        assertThatThrownBy(() -> bench.faults.on(READ).sectors(2, 3).misdirect(-3 * 512))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("-512 to 512 bytes. Allowed: within the device");
        assertThatThrownBy(() -> bench.faults.on(READ).misdirect(65536))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("less than the device's size (65536 bytes)");
    }

    @Test
    void aReplacementIsCheckedToo() {
        Fault fault = bench.faults.on(READ).fail(Errno.EIO);
        assertThatThrownBy(() ->
                        fault.replace(fault.rule().withMatch(Match.on(READ).withSectors(128, 128))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("up to the device's size");
        assertThatThrownBy(() -> fault.replace(fault.rule().withName("other")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("\"other\"");
        assertThat(fault.rule().action()).isEqualTo(new Action.Fail(Errno.EIO));
        fault.close();
        assertThatThrownBy(() -> fault.replace(fault.rule()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("was removed");
    }

    @Test
    void aWriteZeroesIsMatchedAsSuch() {
        bench.fill(0, 1024, 'a');
        bench.faults.on(WRITE_ZEROES).flags(RequestFlag.NOUNMAP).sectors(0, 0).lose();
        bench.zeroes(0, 1);
        assertThat(bench.letters(2)).isEqualTo("..");
        bench.fill(0, 1024, 'a');
        bench.zeroes(0, 1, RequestFlag.NOUNMAP);
        assertThat(bench.letters(2)).isEqualTo("a.");
    }
}
