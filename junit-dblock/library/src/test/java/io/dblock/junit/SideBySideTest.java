// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.BlockDevice;
import io.dblock.DblockException;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Tests of several devices of one test. */
class SideBySideTest {
    private static final int LIMIT_SECONDS = 20;

    private final FakeLab lab = FakeLab.fresh();

    /** Has each device wait, until it is finished, for this many to be made at the same time. */
    private void meet(int devices) {
        CyclicBarrier meeting = new CyclicBarrier(devices);
        lab.finishing = device -> {
            try {
                meeting.await(LIMIT_SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
                throw new DblockException(device.name() + " was alone: " + e, e);
            }
        };
    }

    static class Fields {
        @DblockDevice
        static BlockDevice ofClass;

        @DblockDevice
        static BlockDevice ofClassToo;

        @DblockDevice
        BlockDevice ofTest;

        @Nested
        class Inner {
            @DblockDevice
            BlockDevice ofInner;

            @Test
            void test() {
                FakeLab.note(String.join(" ", ofClass.name(), ofClassToo.name(), ofTest.name(), ofInner.name()));
            }
        }
    }

    @Test
    void theFieldsOfAClassAndThoseOfATestAreMadeSideBySide() {
        meet(2);
        Run.of(Fields.class).expectSuccess();
        assertThat(lab.log).contains("dblock0 dblock1 dblock2 dblock3");
        assertThat(lab.open).isEmpty();
    }

    static class Parameters {
        @BeforeEach
        void beforeEach(@DblockDevice BlockDevice first, @DblockDevice BlockDevice second) {
            FakeLab.note("set up " + first.name() + " " + second.name());
        }

        @Test
        void test(@DblockDevice BlockDevice first, @DblockDevice BlockDevice second) {
            FakeLab.note("test " + first.name() + " " + second.name());
        }
    }

    @Test
    void theParametersOfAMethodAreMadeSideBySide() {
        meet(2);
        Run.of(Parameters.class).expectSuccess();
        assertThat(lab.log).contains("set up dblock0 dblock1", "test dblock2 dblock3");
        assertThat(lab.open).isEmpty();
    }

    static class Three {
        @DblockDevice
        BlockDevice a;

        @DblockDevice
        BlockDevice b;

        @DblockDevice
        BlockDevice c;

        @Test
        void test() {
            FakeLab.note("test " + List.of(a.name(), b.name(), c.name()));
        }
    }

    @Test
    void theirNamesAndTheirTeardownFollowTheDeclarationsWhicheverIsFinishedFirst() {
        CountDownLatch others = new CountDownLatch(2);
        lab.finishing = device -> {
            if (device.name().equals("dblock0")) {
                await(others);
            } else {
                others.countDown();
            }
            lab.log.add("finished " + device.name());
        };
        Run.of(Three.class).expectSuccess();
        assertThat(lab.log)
                .containsSubsequence(
                        "finished dblock0",
                        "test [dblock0, dblock1, dblock2]",
                        "close dblock2",
                        "close dblock1",
                        "close dblock0");
    }

    private static void await(CountDownLatch latch) {
        try {
            if (!latch.await(LIMIT_SECONDS, TimeUnit.SECONDS)) {
                throw new DblockException("Waited " + LIMIT_SECONDS + " s in vain for the others");
            }
        } catch (InterruptedException e) {
            throw new DblockException("Interrupted", e);
        }
    }

    @Test
    void theFirstFailureHasTheOthersSuppressedAndTheRestIsTornDown() {
        lab.finishing = device -> {
            if (!device.name().equals("dblock1")) {
                throw new DblockException("no node of " + device.name());
            }
        };
        Throwable failure = Run.of(Three.class).expectOneFailure();
        assertThat(failure)
                .hasMessageContaining("@DblockDevice field a of SideBySideTest.Three")
                .hasMessageContaining("no node of dblock0");
        assertThat(failure.getSuppressed()[0])
                .hasMessageContaining("field c of SideBySideTest.Three")
                .hasMessageContaining("no node of dblock2");
        assertThat(lab.log).contains("close dblock1");
        assertThat(lab.open).isEmpty();
    }

    @Test
    void theFirstFailureOfParametersHasTheOthersSuppressed() {
        lab.finishing = device -> {
            throw new DblockException("no node of " + device.name());
        };
        Throwable failure = Run.of(Parameters.class).expectOneFailure();
        assertThat(failure).hasMessageContaining("@DblockDevice parameter").hasMessageContaining("no node of dblock0");
        assertThat(failure.getSuppressed()[0])
                .hasMessageContaining("@DblockDevice parameter")
                .hasMessageContaining("no node of dblock1");
        assertThat(lab.open).isEmpty();
    }

    @Test
    void afterOneThatCannotBeBegunNoFurtherIsMade() {
        lab.failingCreation = 1;
        assertThat(Run.of(Three.class).expectOneFailure())
                .hasMessageContaining("field b of SideBySideTest.Three")
                .hasMessageContaining("mkfs.ext4 is missing");
        assertThat(lab.log).containsExactly("create dblock0", "close dblock0");
    }

    @Test
    void anInterruptOfTheTestReachesAllOfThem() throws Exception {
        CountDownLatch waiting = new CountDownLatch(2);
        CountDownLatch never = new CountDownLatch(1);
        AtomicBoolean interrupted = new AtomicBoolean();
        Thread test = new Thread(() -> {
            SideBySide.<Boolean>run(List.of(() -> true, () -> endless(waiting, never), () -> endless(waiting, never)))
                    .forEach(outcome -> assertThat(outcome.get()).isTrue());
            interrupted.set(Thread.currentThread().isInterrupted());
        });
        test.start();
        await(waiting);
        test.interrupt();
        test.join(TimeUnit.SECONDS.toMillis(LIMIT_SECONDS));
        assertThat(interrupted).isTrue();
    }

    /** Returns whether it was interrupted. */
    private static boolean endless(CountDownLatch waiting, CountDownLatch never) {
        waiting.countDown();
        try {
            never.await();
            return false;
        } catch (InterruptedException e) {
            return true;
        }
    }
}
