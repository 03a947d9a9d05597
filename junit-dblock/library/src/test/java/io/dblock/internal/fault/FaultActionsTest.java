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
import io.dblock.fault.Match;
import io.dblock.fault.Tear;
import io.dblock.handler.BlockIOException;
import io.dblock.handler.Errno;
import io.dblock.handler.RequestFlag;
import io.dblock.internal.fault.FaultBench.Request;
import io.dblock.internal.journal.Answer;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

class FaultActionsTest {
    @SuppressWarnings("unused")
    private static final List<Errno> ERRORS = List.copyOf(Action.ERRORS);

    private FaultBench bench = new FaultBench();

    @AfterEach
    void nothingWentWrongUnseen() {
        bench.close();
        assertThat(bench.failures).isEmpty();
        assertThat(bench.openSnapshots).hasValue(0);
    }

    // ---- errors ----

    @ParameterizedTest
    @FieldSource("ERRORS")
    void aRequestFailsWithTheErrorOfTheRule(Errno errno) {
        Fault fault = bench.faults.on(READ).fail(errno);
        assertThat(bench.read(0, 7).result()).isEqualTo(errno.name());
        assertThat(fault.hits()).isEqualTo(1);
    }

    @Test
    void everyOperationCanFail() {
        bench.write(0, 3, 'a');
        bench.faults.onAny().fail(Errno.EIO);
        assertThat(bench.read(0, 3).result()).isEqualTo("EIO");
        assertThat(bench.write(0, 3, 'b').result()).isEqualTo("EIO");
        assertThat(bench.flush().result()).isEqualTo("EIO");
        assertThat(bench.discard(0, 3).result()).isEqualTo("EIO");
        assertThat(bench.zeroes(0, 3).result()).isEqualTo("EIO");
        assertThat(bench.letters(4)).isEqualTo("aaaa");
        assertThat(bench.disk.done).containsExactly("WRITE 0+2048");
    }

    @Test
    void onlyTheNamedSectorsOfAMergedRequestFail() {
        bench.faults.on(WRITE).sectors(8, 15).fail(Errno.ENOSPC);
        Request merged = bench.write(0, 31, 'a');
        assertThat(merged.result()).isEqualTo("8 ok, 8 ENOSPC, 16 ok");
        assertThat(bench.letters(32)).isEqualTo("aaaaaaaa........aaaaaaaaaaaaaaaa");
        assertThat(bench.write(0, 7, 'b').result()).isEqualTo("ok");
        assertThat(bench.write(16, 20, 'b').result()).isEqualTo("ok");
        assertThat(bench.write(15, 16, 'c').result()).isEqualTo("1 ENOSPC, 1 ok");
    }

    @Test
    void aFailedPartOfAReadLeavesTheRestOfTheDataRight() {
        bench.write(0, 7, 'a');
        bench.faults.on(READ).sectors(2, 3).fail(Errno.EILSEQ);
        Request read = bench.read(0, 7);
        assertThat(read.result()).isEqualTo("2 ok, 2 EILSEQ, 4 ok");
        assertThat(read.letters()).isEqualTo("aa..aaaa");
    }

    @Test
    void theFirstSectorsAreDoneAndTheRestFails() {
        Fault fault = bench.faults.on(WRITE).failAfter(3, Errno.EIO);
        assertThat(bench.write(0, 7, 'a').result()).isEqualTo("3 ok, 5 EIO");
        assertThat(bench.letters(8)).isEqualTo("aaa.....");
        assertThat(bench.write(0, 2, 'b').result()).isEqualTo("ok");
        assertThat(fault.hits()).isEqualTo(1);
    }

    @Test
    void failAfterCountsTheMatchedSectorsOnly() {
        bench.faults.on(READ, WRITE, DISCARD, WRITE_ZEROES).sectors(4, 11).failAfter(2, Errno.EIO);
        assertThat(bench.write(0, 15, 'a').result()).isEqualTo("6 ok, 6 EIO, 4 ok");
        assertThat(bench.read(0, 15).letters()).isEqualTo("aaaaaa......aaaa");
        assertThat(bench.zeroes(10, 15).result()).isEqualTo("ok");
        assertThat(bench.discard(8, 15).result()).isEqualTo("2 ok, 2 EIO, 4 ok");
    }

    @Test
    void aMediumErrorStaysUntilTheSectorIsRewritten() {
        bench.write(0, 7, 'a');
        Fault fault = bench.faults.onAny().sectors(2, 5).mediumError();
        assertThat(bench.read(0, 7).result()).isEqualTo("2 ok, 4 ENODATA, 2 ok");
        assertThat(bench.read(0, 7).result()).isEqualTo("2 ok, 4 ENODATA, 2 ok");
        assertThat(bench.write(3, 3, 'b').result()).isEqualTo("ok");
        assertThat(bench.read(0, 7).result()).isEqualTo("2 ok, 1 ENODATA, 1 ok, 2 ENODATA, 2 ok");
        bench.zeroes(4, 4);
        bench.discard(5, 5);
        assertThat(bench.read(2, 5).result()).isEqualTo("1 ENODATA, 2 ok, 1 ENODATA");
        bench.write(0, 7, 'c');
        assertThat(bench.read(0, 7).result()).isEqualTo("ok");
        assertThat(fault.hits()).isEqualTo(4);
    }

    @Test
    void aMediumErrorOnOtherSectorsStillKnowsWhatWasRewritten() {
        Fault fault = bench.faults.on(READ).sectors(0, 1).mediumError();
        bench.write(0, 2, 'a');
        fault.replace(fault.rule().withMatch(Match.on(READ).withSectors(1, 3)));
        assertThat(bench.read(0, 3).result()).isEqualTo("3 ok, 1 ENODATA");
    }

    @Test
    void aWriteThatIsLostOrFailsDoesNotMendAMediumError() {
        bench.faults.on(WRITE).sectors(0, 0).lose();
        bench.faults.on(WRITE).sectors(1, 1).fail(Errno.EIO);
        bench.faults.onAny().sectors(0, 2).mediumError();
        bench.write(0, 2, 'a');
        assertThat(bench.read(0, 2).result()).isEqualTo("2 ENODATA, 1 ok");
    }

    @Test
    void aMisdirectedWriteMendsWhereItWent() {
        bench.faults.on(READ).sectors(0, 15).mediumError();
        bench.faults.on(WRITE).sectors(0, 1).misdirect(8 * 512);
        bench.write(0, 1, 'a');
        assertThat(bench.read(0, 15).result()).isEqualTo("8 ENODATA, 2 ok, 6 ENODATA");
    }

    @Test
    void aReadOnlyDiskRefusesWhatWouldChangeIt() {
        bench.write(0, 3, 'a');
        bench.faults.onAny().readOnly();
        assertThat(bench.write(0, 3, 'b').result()).isEqualTo("EREMOTEIO");
        assertThat(bench.discard(0, 3).result()).isEqualTo("EREMOTEIO");
        assertThat(bench.zeroes(0, 3).result()).isEqualTo("EREMOTEIO");
        assertThat(bench.flush().result()).isEqualTo("ok");
        assertThat(bench.read(0, 3).letters()).isEqualTo("aaaa");
    }

    @Test
    void aFullDiskFailsWritesToNewBlocksOnly() {
        bench.write(0, 3, 'a');
        Fault full = bench.faults.onAny().full(2);
        assertThat(bench.write(2, 9, 'b').result()).isEqualTo("4 ok, 4 ENOSPC");
        assertThat(full.hits()).isEqualTo(1);
        assertThat(bench.letters(10)).isEqualTo("aabbbb....");
        assertThat(bench.write(0, 5, 'c').result()).isEqualTo("ok");
        assertThat(bench.write(6, 6, 'c').result()).isEqualTo("ENOSPC");
    }

    @Test
    void aDiscardGivesAFullDiskItsNewBlocksBack() {
        bench.write(0, 3, 'a');
        bench.faults.onAny().full(2);
        bench.write(4, 5, 'b');
        assertThat(bench.write(6, 6, 'c').result()).isEqualTo("ENOSPC");
        assertThat(bench.discard(5, 9).result()).isEqualTo("ok");
        assertThat(bench.write(6, 7, 'c').result()).isEqualTo("1 ok, 1 ENOSPC");
        bench.zeroes(4, 4);
        assertThat(bench.write(7, 7, 'c').result()).isEqualTo("ok");
    }

    @Test
    void aBlockThatZerosWereWrittenToIsNotNewAnyMore() {
        bench.faults.onAny().full(1);
        assertThat(bench.zeroes(0, 1, RequestFlag.NOUNMAP).result()).isEqualTo("1 ok, 1 ENOSPC");
        assertThat(bench.write(0, 0, 'a').result()).isEqualTo("ok");
        assertThat(bench.zeroes(0, 7).result()).isEqualTo("ok");
        assertThat(bench.write(7, 7, 'a').result()).isEqualTo("ok");
    }

    @Test
    void aFullDiskHasSpaceAgainWhenItsRuleIsReplaced() {
        Fault full = bench.faults.onAny().full(1);
        assertThat(bench.write(0, 2, 'a').result()).isEqualTo("1 ok, 2 ENOSPC");
        full.replace(full.rule().withAction(new Action.Full(2)));
        assertThat(bench.write(0, 2, 'a').result()).isEqualTo("2 ok, 1 ENOSPC");
        full.close();
        assertThat(bench.write(0, 2, 'a').result()).isEqualTo("ok");
    }

    @Test
    void aWriteThatNeverReachesTheDiskTakesNoSpace() {
        bench.faults.on(WRITE).sectors(0, 1).lose();
        bench.faults.onAny().full(1);
        bench.write(0, 1, 'a');
        assertThat(bench.write(2, 3, 'a').result()).isEqualTo("1 ok, 1 ENOSPC");
    }

    @Test
    void twoWritesToOneNewBlockTakeItsSpaceOnce() {
        bench.faults.on(WRITE).sectors(0, 1).fallThrough().misdirect(2 * 512);
        Fault full = bench.faults.on(WRITE).full(1);
        assertThat(bench.write(0, 3, 'a').result()).isEqualTo("1 ok, 1 ENOSPC, 1 ok, 1 ENOSPC");
        assertThat(bench.letters(4)).isEqualTo("..a.");
        assertThat(full.hits()).isEqualTo(1);
    }

    @Test
    void aFullDiskOfLargerBlocksCountsThose() {
        bench = new FaultBench(1 << 16, 4096);
        bench.faults.on(WRITE).full(1);
        assertThat(bench.write(0, 15, 'a').result()).isEqualTo("8 ok, 8 ENOSPC");
    }

    // ---- wrong data ----

    @Test
    void aLostWriteSaysDoneAndKeepsTheOldContent() {
        bench.write(0, 7, 'a');
        Fault fault =
                bench.faults.on(WRITE, DISCARD, WRITE_ZEROES).sectors(2, 3).lose();
        assertThat(bench.write(0, 7, 'b').result()).isEqualTo("ok");
        assertThat(bench.letters(8)).isEqualTo("bbaabbbb");
        assertThat(bench.discard(0, 4).result()).isEqualTo("ok");
        assertThat(bench.zeroes(3, 5).result()).isEqualTo("ok");
        assertThat(bench.letters(8)).isEqualTo("..aa..bb");
        assertThat(fault.hits()).isEqualTo(3);
        assertThat(bench.read(2, 3).letters()).isEqualTo("aa");
    }

    @Test
    void aTearKeepsAPrefix() {
        bench.faults.on(WRITE).tear(Tear.prefix(2));
        assertThat(bench.write(0, 7, 'a').result()).isEqualTo("ok");
        assertThat(bench.letters(8)).isEqualTo("aa......");
    }

    @Test
    void aTearKeepsASuffixOfTheMatchedPart() {
        bench.faults.on(WRITE).sectors(2, 5).tear(Tear.suffix(1));
        bench.write(0, 7, 'a');
        assertThat(bench.letters(8)).isEqualTo("aa...aaa");
    }

    @Test
    void aTearKeepsEveryOtherBlock() {
        bench.faults.onAny().tear(Tear.EVERY_OTHER);
        bench.write(0, 4, 'a');
        assertThat(bench.letters(6)).isEqualTo("a.a.a.");
        bench.fill(0, 3072, 'a');
        bench.discard(0, 4);
        assertThat(bench.letters(6)).isEqualTo(".a.a.a");
    }

    @Test
    void aTearIsByLogicalBlock() {
        bench = new FaultBench(1 << 16, 4096);
        bench.faults.on(WRITE).tear(Tear.EVERY_OTHER);
        bench.write(0, 31, 'a');
        assertThat(bench.letters(32)).isEqualTo("aaaaaaaa........aaaaaaaa........");
    }

    @Test
    void aSingleBlockIsNeverTorn() {
        Fault everyOther = bench.faults.on(WRITE).tear(Tear.EVERY_OTHER);
        Fault random = bench.faults.on(WRITE).tear(Tear.RANDOM);
        Fault prefix = bench.faults.on(WRITE).tear(Tear.prefix(1));
        Fault suffix = bench.faults.on(WRITE).tear(Tear.suffix(1));
        bench.write(0, 0, 'a');
        assertThat(bench.letters(1)).isEqualTo("a");
        assertThat(List.of(everyOther, random, prefix, suffix))
                .extracting(Fault::hits)
                .containsOnly(0L);
    }

    @Test
    void aRandomTearKeepsSomeBlocksAndLosesSomeAndVaries() {
        bench.faults.on(WRITE).tear(Tear.RANDOM);
        java.util.Set<String> seen = new java.util.HashSet<>();
        for (int i = 0; i < 200; i++) {
            bench.fill(0, 2048, 0);
            bench.write(0, 3, 'a');
            seen.add(bench.letters(4));
        }
        // All subsets of four blocks but none and all.
        assertThat(seen).hasSize(14).doesNotContain("....", "aaaa");
    }

    @Test
    void aMisdirectedWriteGoesElsewhere() {
        bench.write(0, 15, 'a');
        Fault fault = bench.faults.on(WRITE).sectors(2, 3).misdirect(8 * 512);
        assertThat(bench.write(0, 5, 'b').result()).isEqualTo("ok");
        assertThat(bench.letters(16)).isEqualTo("bbaabbaaaabbaaaa");
        assertThat(fault.hits()).isEqualTo(1);
    }

    @Test
    void aMisdirectedReadComesFromElsewhere() {
        bench.write(0, 7, 'a');
        bench.write(8, 15, 'b');
        bench.faults.on(READ).sectors(8, 9).misdirect(-8 * 512);
        assertThat(bench.read(6, 11).letters()).isEqualTo("aaaabb");
    }

    @Test
    void whatWouldLeaveTheDeviceIsNotMisdirected() {
        int last = bench.image.length / 512 - 1;
        Fault forward = bench.faults.on(WRITE).misdirect(2 * 512);
        bench.write(last - 3, last, 'a');
        assertThat(bench.letters(last + 1)).endsWith("..aa");
        assertThat(forward.hits()).isEqualTo(1);
        bench.write(last - 1, last, 'b');
        assertThat(bench.letters(last + 1)).endsWith("..bb");
        assertThat(forward.hits()).isEqualTo(1);
    }

    @Test
    void aStaleReadGivesTheContentAsOfArming() {
        bench.write(0, 7, 'a');
        try (Fault stale = bench.faults.on(READ).sectors(2, 5).stale()) {
            bench.write(0, 7, 'b');
            assertThat(bench.read(0, 7).letters()).isEqualTo("bbaaaabb");
            stale.replace(stale.rule());
            bench.write(0, 7, 'c');
            assertThat(bench.read(0, 7).letters()).isEqualTo("ccbbbbcc");
        }
        assertThat(bench.read(0, 7).letters()).isEqualTo("cccccccc");
        assertThat(bench.openSnapshots).hasValue(0);
    }

    @Test
    void aHeldStaleReadOutlivesItsRule() {
        bench.write(0, 0, 'a');
        Fault hold = bench.faults.on(READ).fallThrough().hold();
        Fault stale = bench.faults.on(READ).stale();
        bench.write(0, 0, 'b');
        Request read = bench.read(0, 0);
        stale.close();
        assertThat(bench.openSnapshots).hasValue(1);
        hold.release();
        assertThat(read.answer().rules()).containsExactly(stale.name(), hold.name());
        assertThat(read.letters()).isEqualTo("a");
        assertThat(bench.openSnapshots).hasValue(0);
    }

    @Test
    void flippedBitsOnReadLeaveTheDiskRight() {
        bench.write(0, 7, 'a');
        bench.faults.on(READ).sectors(2, 3).flipBits(3);
        Request read = bench.read(0, 7);
        assertThat(read.result()).isEqualTo("ok");
        assertThat(read.letters()).isEqualTo("aa??aaaa");
        assertThat(flipped(Arrays.copyOfRange(read.bytes(), 1024, 1536))).isEqualTo(3);
        assertThat(flipped(Arrays.copyOfRange(read.bytes(), 1536, 2048))).isEqualTo(3);
        assertThat(bench.letters(8)).isEqualTo("aaaaaaaa");
    }

    @Test
    void flippedBitsOnWriteReachTheDisk() {
        bench.faults.on(WRITE).sectors(1, 1).flipBits(4096);
        bench.write(0, 2, 'a');
        assertThat(flipped(bench.sector(1))).isEqualTo(4096);
        assertThat(bench.letters(1)).isEqualTo("a");
        assertThat(bench.letters(3)).endsWith("a");
        bench.faults.clear();
        bench.faults.on(WRITE).flipBits(4000);
        bench.write(0, 0, 'a');
        assertThat(flipped(bench.sector(0))).isEqualTo(4000);
    }

    private static int flipped(byte[] bytes) {
        int bits = 0;
        for (byte b : bytes) {
            bits += Integer.bitCount((b ^ 'a') & 0xff);
        }
        return bits;
    }

    @Test
    void garbageReplacesTheNamedSectorsOnly() {
        bench.write(0, 3, 'a');
        bench.faults.onAny().sectors(1, 2).garbage();
        Request read = bench.read(0, 3);
        assertThat(read.letters()).isEqualTo("a??a");
        assertThat(bench.letters(4)).isEqualTo("aaaa");
        assertThat(bench.read(0, 3).bytes()).isNotEqualTo(read.bytes());
        bench.write(0, 3, 'b');
        assertThat(bench.letters(4)).isEqualTo("b??b");
        assertThat(bench.sector(1)).isNotEqualTo(bench.sector(2));
        assertThat(bench.discard(0, 3).result()).isEqualTo("ok");
    }

    @Test
    void aLyingDiskIgnoresFlushAndFua() {
        Fault lie = bench.faults.onAny().ignoreFlushes();
        assertThat(bench.flush().result()).isEqualTo("ok");
        assertThat(bench.write(0, 0, 'a', RequestFlag.FUA).result()).isEqualTo("ok");
        assertThat(bench.write(1, 1, 'a').result()).isEqualTo("ok");
        assertThat(bench.disk.done).containsExactly("WRITE 0+512", "WRITE 512+512");
        assertThat(lie.hits()).isEqualTo(2);
    }

    @Test
    void aDiskCanLieAboutOneOfThemOnly() {
        try (Fault lie = bench.faults.on(FLUSH).ignoreFlushes()) {
            bench.flush();
            bench.write(0, 0, 'a', RequestFlag.FUA);
            assertThat(lie.hits()).isEqualTo(1);
        }
        try (Fault lie = bench.faults.on(WRITE).sectors(1, 1).ignoreFlushes()) {
            bench.flush();
            bench.write(0, 2, 'a', RequestFlag.FUA);
            assertThat(lie.hits()).isEqualTo(1);
        }
        assertThat(bench.disk.done)
                .containsExactly("WRITE 0+512 FUA", "FLUSH", "WRITE 0+512 FUA", "WRITE 512+512", "WRITE 1024+512 FUA");
    }

    // ---- power ----

    @Test
    void thePowerIsCutBeforeTheRequest() throws Exception {
        Fault cut = bench.faults.on(WRITE).after(1).times(1).powerCut(Survivors.prefix(3));
        bench.write(0, 0, 'a');
        assertThat(bench.write(0, 0, 'b').result()).isEqualTo("EIO");
        assertThat(bench.cuts).containsExactly(Survivors.prefix(3));
        assertThat(bench.letters(1)).isEqualTo("a");
        cut.awaitHit(Duration.ofSeconds(10));
        assertThat(bench.write(0, 0, 'c').result()).isEqualTo("EIO");
        assertThat(cut.hits()).isEqualTo(1);
    }

    /** Otherwise the power could not be restored: the requests of a mount would have it cut again. */
    @Test
    void aRuleCutsThePowerOnce() throws Exception {
        Fault before = bench.faults.on(FLUSH).after(1).powerCut(Survivors.NONE);
        Fault after = bench.faults.on(WRITE).powerCutAfter(Survivors.ALL);
        assertThat(bench.flush().result()).isEqualTo("ok");
        assertThat(bench.flush().result()).isEqualTo("EIO");
        bench.powered = true;
        assertThat(bench.flush().result()).isEqualTo("ok");
        assertThat(before.hits()).isEqualTo(1);

        bench.write(0, 0, 'a');
        after.awaitHit(Duration.ofSeconds(10));
        bench.powered = true;
        assertThat(bench.write(0, 0, 'b').result()).isEqualTo("ok");
        assertThat(bench.cuts).containsExactly(Survivors.NONE, Survivors.ALL);
    }

    @Test
    void aRuleThatSaysHowOftenCutsThePowerThatOften() {
        Fault cut = bench.faults.on(FLUSH).times(2).powerCut(Survivors.NONE);
        for (int i = 0; i < 2; i++) {
            assertThat(bench.flush().result()).isEqualTo("EIO");
            bench.powered = true;
        }
        assertThat(bench.flush().result()).isEqualTo("ok");
        assertThat(cut.hits()).isEqualTo(2);
    }

    @Test
    void aReplacedRuleCutsThePowerOnceMore() {
        Fault cut = bench.faults.on(FLUSH).powerCut(Survivors.NONE);
        bench.flush();
        bench.powered = true;
        cut.replace(cut.rule());
        assertThat(bench.flush().result()).isEqualTo("EIO");
        assertThat(bench.cuts).hasSize(2);
    }

    @Test
    void thePowerIsCutAfterTheRequestWasAnswered() throws Exception {
        Fault cut = bench.faults.on(FLUSH).times(1).powerCutAfter(Survivors.NONE);
        assertThat(bench.flush().result()).isEqualTo("ok");
        cut.awaitHit(Duration.ofSeconds(10));
        assertThat(bench.cuts).containsExactly(Survivors.NONE);
        assertThat(bench.disk.done).containsExactly("FLUSH");
        assertThat(bench.read(0, 0).result()).isEqualTo("EIO");
    }

    @Test
    void whatComesBetweenTheAnswerAndTheCutFails() throws Exception {
        List<String> between = new java.util.concurrent.CopyOnWriteArrayList<>();
        bench.beforeCut = () -> between.add(bench.flush().result());
        Fault cut = bench.faults.on(WRITE).powerCutAfter(Survivors.NONE);
        assertThat(bench.write(0, 0, 'a').result()).isEqualTo("ok");
        cut.awaitHit(Duration.ofSeconds(10));
        assertThat(between).containsExactly("EIO");
        assertThat(bench.disk.done).containsExactly("WRITE 0+512");
        bench.powered = true;
        assertThat(bench.flush().result()).isEqualTo("ok");
    }

    /** Whoever sees that the power is off may restore it while the thread that has cut it is still about to go on. */
    @Test
    void whatComesAfterThePowerIsBackIsDone() throws Exception {
        List<String> restored = new java.util.concurrent.CopyOnWriteArrayList<>();
        bench.afterCut = () -> {
            bench.powered = true;
            restored.add(bench.flush().result());
        };
        Fault cut = bench.faults.on(WRITE).powerCutAfter(Survivors.NONE);
        assertThat(bench.write(0, 0, 'a').result()).isEqualTo("ok");
        cut.awaitHit(Duration.ofSeconds(10));
        assertThat(restored).containsExactly("ok");
    }

    @Test
    void aCutFailsWhatIsHeld() throws Exception {
        Fault hold = bench.faults.on(READ).hold();
        Request held = bench.read(0, 0);
        bench.faults.on(FLUSH).powerCut(Survivors.ALL);
        bench.flush();
        assertThat(held.result()).isEqualTo("EIO");
        assertThat(hold.held()).isEmpty();
    }

    @Test
    void aRandomCutHasItsSeedFromTheRules() {
        bench.faults.on(FLUSH).powerCut(Survivors.random());
        bench.flush();
        Survivors first = bench.cuts.get(0);
        assertThat(first.seed()).isPresent();
        FaultBench other = new FaultBench();
        other.faults.on(FLUSH).powerCut(Survivors.random());
        other.flush();
        assertThat(other.cuts).containsExactly(first);
    }

    @Test
    void noRuleSeesWhatComesWhileThePowerIsOff() {
        Fault fault = bench.faults.onAny().fail(Errno.ENOSPC);
        bench.powered = false;
        assertThat(bench.read(0, 0).result()).isEqualTo("EIO");
        assertThat(fault.hits()).isZero();
    }

    // ---- the disk's own results ----

    @Test
    void errorsOfTheDiskKeepTheirMeaning() {
        bench.faults.on(WRITE).sectors(0, 0).lose();
        bench.disk.broken = new BlockIOException(Errno.ENOSPC);
        assertThat(bench.write(0, 1, 'a').result()).isEqualTo("1 ok, 1 ENOSPC");
        bench.disk.broken = new IOException("no more to say");
        assertThat(bench.write(0, 1, 'a').result()).isEqualTo("1 ok, 1 EIO");
    }

    @Test
    void whatTheDiskThrowsIsReported() {
        bench.faults.on(WRITE).sectors(0, 0).lose();
        bench.disk.broken = new IllegalStateException("a bug");
        assertThat(bench.write(0, 1, 'a').result()).isEqualTo("1 ok, 1 EIO");
        assertThat(bench.failures).singleElement().isEqualTo(bench.disk.broken);
        bench.failures.clear();
    }

    @Test
    void aPowerCutThatCannotBeMadeIsReported() {
        Fault cut = bench.faults.on(WRITE).powerCut(Survivors.of(77));
        assertThat(bench.write(0, 0, 'a').result()).isEqualTo("EIO");
        assertThat(cut.hits()).as("cuts that were made").isZero();
        assertThat(bench.failures).singleElement().satisfies(e -> assertThat(e).hasMessageContaining("77"));
        assertThat(bench.letters(1)).isEqualTo(".");
        bench.failures.clear();
    }

    @Test
    void anAnswerThatIsNotTakenIsReported() {
        bench.faults.on(WRITE).sectors(0, 0).lose();
        Request twice =
                bench
                .new Request(
                        new io.dblock.handler.RequestInfo(WRITE, 0, 1024, java.util.Set.of(), 0),
                        java.nio.ByteBuffer.allocate(1024)) {
                    @Override
                    protected void deliver(Answer given) {
                        super.deliver(given);
                        super.deliver(given);
                    }
                };
        assertThat(bench.filter.handle(twice, bench.disk)).isTrue();
        assertThat(twice.result()).isEqualTo("ok");
        assertThat(bench.failures).singleElement().satisfies(e -> assertThat(e).hasMessageContaining("answered twice"));
        bench.failures.clear();
    }

    @Test
    void aDiskMayTakeItsTime() {
        var executor = Executors.newSingleThreadExecutor();
        try {
            bench.elsewhere = executor;
            bench.faults.onAny().full(3);
            bench.faults.on(READ).sectors(1, 2).flipBits(1);
            assertThat(bench.write(0, 7, 'a').result()).isEqualTo("3 ok, 5 ENOSPC");
            assertThat(bench.read(0, 3).letters()).isEqualTo("a??.");
        } finally {
            executor.shutdown();
        }
    }

    @Test
    void aStaleReadAndAPowerCutNeedABuiltInStore() {
        bench.builtIn = false;
        for (Action action : List.of(new Action.Stale(), new Action.PowerCut(Survivors.NONE, true))) {
            assertThatThrownBy(() -> bench.faults.add(new io.dblock.fault.FaultRule(Match.any(), action)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(action.toString())
                    .hasMessageContaining("needs a built-in store");
        }
    }
}
