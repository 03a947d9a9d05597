// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.files;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.handler.Operation;
import io.dblock.handler.Place;
import io.dblock.handler.Place.Kind;
import io.dblock.handler.RequestInfo;
import io.dblock.journal.Journal;
import io.dblock.journal.Recording;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import io.dblock.power.UnflushedWrite;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class DeviceFilesTest {
    private final Recording recording = new Recording();
    private final Seen seen = new Seen();
    private final DeviceFiles files = new DeviceFiles("dblock0", recording.ring, seen);
    private final Journal journal = new Journal(files.recorder(), () -> 1 << 20, 512);

    private static final class Seen implements DeviceFiles.Source {
        volatile Optional<Path> point = Optional.of(Path.of("/mnt"));
        volatile boolean allowed = true;
        volatile List<Place> places = List.of();
        final AtomicInteger looks = new AtomicInteger();
        volatile Runnable during = () -> {};

        @Override
        public Optional<Path> point() {
            return point;
        }

        @Override
        public boolean mayLook() {
            return allowed;
        }

        @Override
        public FileMap look(Path mounted) {
            looks.incrementAndGet();
            during.run();
            return new FileMap(places, true);
        }

        @Override
        public List<Place> places(Path mounted, String path) {
            during.run();
            return places.stream().filter(Place.of(path)).toList();
        }

        @Override
        public void checkRules() {}

        @Override
        public FileMap parts(Path mounted) {
            return new FileMap(List.of(new Place(0, 512, Kind.FILESYSTEM, "superblock", 0)), true);
        }
    }

    private void write(long sector) {
        recording.write(sector, 1, 1);
    }

    private static Place file(long sector, String name) {
        return new Place(sector * 512, 512, Kind.FILE, name, 0);
    }

    private String places(int request) {
        return Place.list(journal.requests().get(request).places());
    }

    @Test
    void aRequestSaysWhichFileItWasAbout() {
        write(8);
        write(0);
        seen.places = List.of(file(8, "ledger"));
        assertThat(places(0)).isEqualTo("ledger +0..511");
        assertThat(places(1)).isEqualTo("superblock");
        assertThat(journal.timeline()).contains("WRITE  sector 8 (512 bytes) ledger +0..511: ok");
    }

    @Test
    void aFileThatWasThereAtAMarkIsKnownAfterItHasGone() {
        write(8);
        seen.places = List.of(file(8, "old"));
        journal.mark("checkpoint");
        seen.places = List.of(file(8, "new"));
        write(8);
        write(9);
        assertThat(places(0)).isEqualTo("old +0..511");
        assertThat(places(1)).as("the mark knew better").isEqualTo("old +0..511");
        assertThat(places(2)).isEmpty();
    }

    @Test
    void nothingNewMeansNoLook() {
        write(8);
        journal.entries();
        int looks = seen.looks.get();
        journal.entries();
        journal.requests();
        assertThat(seen.looks.get()).isEqualTo(looks);
        write(9);
        journal.entries();
        assertThat(seen.looks.get()).isEqualTo(looks + 1);
    }

    @Test
    void itDoesNotLookWhereThatCouldBeSeenOrNothingIsMounted() {
        seen.allowed = false;
        write(8);
        journal.mark("mark");
        journal.entries();
        seen.allowed = true;
        seen.point = Optional.empty();
        journal.entries();
        assertThat(seen.looks.get()).isZero();
    }

    @Test
    void marksInALoopDoNotLookEachTime() {
        seen.during = () -> {
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        };
        for (int i = 0; i < 500; i++) {
            write(i);
            journal.mark("mark");
        }
        assertThat(seen.looks.get()).isBetween(1, 100);
    }

    @Test
    void aLookThatDoesNotEndKeepsNobodyForLong() {
        CountDownLatch end = new CountDownLatch(1);
        seen.during = () -> {
            try {
                end.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        };
        write(8);
        assertThat(journal.requests()).hasSize(1);
        write(9);
        assertThat(journal.requests()).hasSize(2);
        assertThat(seen.looks.get())
                .as("the second does not begin before the first has ended")
                .isEqualTo(1);
        end.countDown();
    }

    @Test
    void aServerThatIsGoneIsNoErrorOfALook() {
        seen.during = () -> {
            throw new IllegalStateException("gone");
        };
        write(8);
        assertThat(journal.requests()).hasSize(1);
        files.look();
    }

    private static RequestInfo request(long sector) {
        return new RequestInfo(Operation.WRITE, sector * 512, 512, Set.of(), 0);
    }

    @Test
    void aRuleForAFileAsksWhereTheFileIsNow() {
        Predicate<RequestInfo> onLedger = files.onFile("ledger");
        assertThat(onLedger.test(request(8))).as("there is no such file yet").isFalse();
        seen.places = List.of(file(8, "ledger"), file(9, "other"));
        assertThat(onLedger.test(request(8))).isTrue();
        assertThat(onLedger.test(request(9))).isFalse();
        seen.places = List.of(file(9, "ledger"));
        assertThat(onLedger.test(request(8))).as("it has moved").isFalse();
        assertThat(onLedger.test(request(9))).isTrue();
        assertThat(onLedger.test(new RequestInfo(Operation.FLUSH, 0, 0, Set.of(), 0)))
                .isFalse();
    }

    @Test
    void aFilesystemThatDoesNotAnswerLeavesWhatWasSeenLast() {
        seen.places = List.of(file(8, "ledger"));
        write(8);
        Predicate<RequestInfo> onLedger = files.onFile("ledger");
        CountDownLatch end = new CountDownLatch(1);
        seen.during = () -> {
            try {
                end.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        };
        assertThat(onLedger.test(request(8))).isTrue();
        assertThat(onLedger.test(request(9))).isFalse();
        end.countDown();
    }

    @Test
    void whatIsUnflushedAndWhatACutTookHaveTheirFiles() {
        write(8);
        seen.places = List.of(file(8, "ledger"));
        UnflushedWrite write =
                new UnflushedWrite(1, Operation.WRITE, 4096, 512, true, Duration.ofMillis(3), Optional.empty());
        assertThat(files.unflushed(List.of(write)))
                .singleElement()
                .hasToString("#1 WRITE of 512 bytes at 4096 (ledger +0..511), 3 ms ago");
        CutReport report = new CutReport(
                Survivors.NONE,
                List.of(new CutReport.CutWrite(1, Operation.WRITE, 4096, 512, true, CutReport.Fate.LOST, List.of())));
        assertThat(files.report(report).writes())
                .singleElement()
                .hasToString("LOST #1 WRITE of 512 bytes at 4096 (ledger +0..511)");
    }
}
