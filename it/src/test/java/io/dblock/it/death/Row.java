// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import static org.assertj.core.api.Assertions.assertThat;

import io.dblock.it.support.Poll;
import io.dblock.it.support.UserModeLinux;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** A way to die. */
enum Row {
    /** With files of its own open and dirty on its disks, every other time. */
    KILLED_TEST_JVM("kill -9 of the test JVM, which serves the disks", Survival.DIES, Serving.TEST_JVM) {
        @Override
        void prepare(Round round) throws IOException {
            if (round.random().nextBoolean()) {
                round.victim().order("write");
            }
        }

        @Override
        void strike(Round round) {
            round.victim().kill();
        }
    },

    KILLED_TEST_JVM_WITH_SERVER(
            "kill -9 of the test JVM, which has a server process", Survival.DIES, Serving.SERVER_PROCESS) {
        @Override
        void prepare(Round round) throws IOException {
            if (round.random().nextBoolean()) {
                round.victim().order("write");
            }
        }

        @Override
        void strike(Round round) {
            round.victim().kill();
        }
    },

    KILLED_SERVER("kill -9 of the server process", Survival.LIVES, Serving.SERVER_PROCESS) {
        @Override
        void strike(Round round) throws IOException {
            Kernel.signal(round.server(), Kernel.SIGKILL);
        }

        @Override
        boolean closesWell(String said) {
            // Who closes the disks is told why they had failed.
            return said.contains("The server process") && said.contains("killed by signal 9");
        }
    },

    KILLED_BOTH("kill -9 of the test JVM and of its server process", Survival.DIES, Serving.SERVER_PROCESS) {
        @Override
        void strike(Round round) throws IOException {
            long server = round.server();
            boolean serverFirst = round.random().nextBoolean();
            if (serverFirst) {
                Kernel.signal(server, Kernel.SIGKILL);
            }
            round.victim().kill();
            if (!serverFirst) {
                Kernel.signal(server, Kernel.SIGKILL);
            }
        }
    },

    OWN_FILES_AT_EXIT(
            "files of the JVM's own dirty on its disks at its exit",
            Survival.DIES,
            Serving.TEST_JVM,
            Serving.SERVER_PROCESS) {
        @Override
        void prepare(Round round) throws IOException {
            round.victim().order("write");
        }

        @Override
        void strike(Round round) throws IOException {
            // The shutdown hook waits for disks that are in use, each twice: a few rounds of it have to do.
            round.victim().tell(round.random().nextInt(EXITS) == 0 ? "exit" : "halt");
        }
    },

    STOPPED_SERVER("SIGSTOP of the server process, longer than the timeout", Survival.LIVES, Serving.SERVER_PROCESS) {
        @Override
        Duration timeout() {
            return SHORT;
        }

        @Override
        void strike(Round round) throws IOException {
            Kernel.signal(round.server(), Kernel.SIGSTOP);
        }

        @Override
        void recover(Round round) throws IOException {
            Kernel.signal(round.server(), Kernel.SIGCONT);
        }
    },

    STOPPED_TEST_JVM("SIGSTOP of a test JVM with a handler, longer than the timeout", Survival.LIVES, Serving.HANDLER) {
        @Override
        Duration timeout() {
            return SHORT;
        }

        @Override
        void strike(Round round) {
            round.victim().stop();
        }

        @Override
        void recover(Round round) {
            round.victim().goOn();
        }
    },

    OUT_OF_MEMORY("OutOfMemoryError in a handler", Survival.LIVES, Serving.HANDLER, Serving.REQUEST_HANDLER) {
        @Override
        void strike(Round round) throws IOException {
            round.victim().order("out-of-memory " + round.random().nextLong());
        }

        @Override
        void recover(Round round) throws IOException {
            assertThat(round.victim().order("failures")).contains("OutOfMemoryError");
            round.victim().order("recover");
        }
    },

    THROWING("an exception or Error from a handler", Survival.LIVES, Serving.HANDLER, Serving.REQUEST_HANDLER) {
        @Override
        void strike(Round round) throws IOException {
            round.victim().order("throw " + round.random().nextLong());
        }

        @Override
        void recover(Round round) throws IOException {
            assertThat(round.victim().order("failures")).isNotEmpty();
            round.victim().order("recover");
        }
    },

    NEVER_ANSWERING("a handler that never answers", Survival.LIVES, Serving.HANDLER, Serving.REQUEST_HANDLER) {
        @Override
        Duration timeout() {
            return SHORT;
        }

        @Override
        void strike(Round round) throws IOException {
            round.victim().order("hang " + round.random().nextLong());
        }

        @Override
        void recover(Round round) throws IOException {
            round.victim().order("recover");
        }
    },

    SESSION_CLOSED("close of the session's fd from another thread", Survival.LIVES, Serving.HANDLER, Serving.TEST_JVM) {
        @Override
        void strike(Round round) throws IOException {
            assertThat(round.victim().order("close-sessions")).matches("[3-9]");
        }

        @Override
        boolean closesWell(String said) {
            // The library may well say that somebody has closed what is its own.
            return said.isEmpty() || said.contains("ENOTTY");
        }
    },

    DESTROYED(
            "forced destroy with mounted filesystems and dirty pages",
            Survival.LIVES,
            Serving.SERVER_PROCESS,
            Serving.TEST_JVM) {
        @Override
        Fio.Load load() {
            return Fio.Load.DIRTYING;
        }

        @Override
        void strike(Round round) throws IOException {
            assertThat(round.victim().order("destroy")).isEqualTo("destroyed destroyed destroyed");
        }
    },

    DESTROYED_BY_ANOTHER("destroyed by another process", Survival.LIVES, Serving.SERVER_PROCESS, Serving.TEST_JVM) {
        @Override
        void strike(Round round) {
            assertThat(round.destroyAll()).containsOnly("destroyed");
        }
    },

    /** Of the load alone, or of the servers too. The kernel may have to kill one of them; that has to do no harm, either. */
    MEMORY_PRESSURE(
            "memory pressure (a small cgroup) with heavy dirty data",
            Survival.LIVES,
            Serving.SERVER_PROCESS,
            Serving.TEST_JVM) {
        @Override
        Fio.Load load() {
            return Fio.Load.HEAVY;
        }

        @Override
        boolean fails() {
            return false;
        }

        @Override
        void strike(Round round) throws IOException {
            try (SmallGroup group = SmallGroup.make()) {
                group.add(round.load().pid());
                // In User Mode Linux the kernel holds up a server above the limit at each page that it touches, for up
                // to two
                // seconds: its requests get late, whatever it does.
                if (round.random().nextBoolean() && !UserModeLinux.isHere()) {
                    // Its stores grow with what is written: about 120 MB.
                    group.limit(MEMORY_OF_ALL);
                    group.add(round.victim().pid());
                    for (long server : Machine.serversOf(round.victim().pid())) {
                        group.add(server);
                    }
                } else {
                    group.limit(MEMORY_OF_LOAD);
                }
                Poll.until(
                        "the load to meet the limit, or to end",
                        Round.BOUND,
                        () -> group.pressed() > 0 || !round.load().isRunning());
                LockSupport.parkNanos(Duration.ofMillis(round.random().nextInt(PRESSED_MILLIS))
                        .toNanos());
                round.load().stop();
                round.load().awaitEnd(Round.BOUND);
                if (group.killed() > 0) {
                    round.excuseLoad();
                }
            }
        }
    },

    /** The swap area is on a disk of theirs: who serves it must not wait for memory that only it can give. */
    SWAPPING("a swap area on a disk, and a machine short of memory", Survival.LIVES, Serving.SERVER_PROCESS) {
        @Override
        boolean fails() {
            return false;
        }

        @Override
        boolean isForGuests() {
            return true;
        }

        @Override
        void strike(Round round) throws IOException {
            // What it has written stays; going on, it would only take the processor.
            round.load().stop();
            round.load().awaitEnd(Round.BOUND);
            Path swapArea = Path.of(round.victim().order("swap"));
            try (ShortMemory memory = ShortMemory.begin(swapArea)) {
                memory.use(SWAPPED, PASSES);
            }
            assertThat(round.victim().order("errors")).matches("0( 0)*");
        }
    },

    TWO_DESTROYERS("two destroyers at once", Survival.LIVES, Serving.SERVER_PROCESS, Serving.TEST_JVM) {
        @Override
        void strike(Round round) throws IOException {
            round.victim().tell("destroy");
            List<String> ours = round.destroyAll();
            String theirs = round.victim().answer("destroy");
            // ENODEV, EALREADY: the other was first.
            assertThat(ours).isNotEmpty().allMatch(outcome -> outcome.matches("destroyed|19|114"));
            assertThat(theirs.split(" ", -1)).allMatch(outcome -> outcome.matches("destroyed|19|114"));
        }
    };

    /** What becomes of the victim. */
    enum Survival {
        DIES,
        LIVES
    }

    /**
     * Rows that are run one after another; a group may as well have a machine of its own. They take 40 to 60 minutes
     * of an emulated processor each, for a hundred rounds.
     */
    enum Group {
        /** The test's JVM is killed. */
        KILLED,
        /** Server and test's JVM end together. */
        ENDED,
        /** The server is killed or stopped. */
        SILENT,
        /** It goes on, but requests wait for long. */
        UNANSWERED,
        /** It answers, but wrongly, late or for others no more. */
        FAILING,
        /** It is taken its disks. */
        REMOVED
    }

    /**
     * Of requests, where it is waited for: well above what an emulated machine needs for one. With 2.5 s one mount in some
     * hundred failed, when others had left the guest a tenth of a processor.
     */
    private static final Duration SHORT = Duration.ofSeconds(5);

    private static final int EXITS = 8;

    private static final long MEMORY_OF_LOAD = 16L << 20;
    private static final long MEMORY_OF_ALL = 144L << 20;
    private static final int PRESSED_MILLIS = 800;
    private static final long SWAPPED = 8L << 20;
    private static final int PASSES = 3;

    private static final Duration LONG = Duration.ofSeconds(30);

    private final String title;
    private final Survival survival;

    @SuppressWarnings("ImmutableEnumChecker") // as List.of() makes it
    private final List<Serving> servings;

    Row(String title, Survival survival, Serving... servings) {
        this.title = title;
        this.survival = survival;
        this.servings = List.of(servings);
    }

    /** Who may serve the disks; one of them does in a round. */
    List<Serving> servings() {
        return servings;
    }

    Group group() {
        return switch (this) {
            case KILLED_TEST_JVM, KILLED_TEST_JVM_WITH_SERVER -> Group.KILLED;
            case KILLED_BOTH, OWN_FILES_AT_EXIT -> Group.ENDED;
            case KILLED_SERVER, STOPPED_SERVER, STOPPED_TEST_JVM -> Group.SILENT;
            case NEVER_ANSWERING, MEMORY_PRESSURE, SWAPPING -> Group.UNANSWERED;
            case DESTROYED, DESTROYED_BY_ANOTHER, TWO_DESTROYERS -> Group.REMOVED;
            default -> Group.FAILING;
        };
    }

    boolean dies() {
        return survival == Survival.DIES;
    }

    /** How long the disks' server may hold a request. */
    Duration timeout() {
        return LONG;
    }

    Fio.Load load() {
        return Fio.Load.SYNCING;
    }

    /** Whether the load gets errors; else it is ended, and gets none unless it is excused. */
    boolean fails() {
        return true;
    }

    /** Whether it would be too much for a machine that others use. */
    boolean isForGuests() {
        return false;
    }

    /** Under load, some time before the death. */
    void prepare(Round round) throws IOException {}

    /** The death, under load. */
    abstract void strike(Round round) throws IOException;

    /** Whether the library may say this when the disks are closed afterwards; empty: nothing. */
    boolean closesWell(String said) {
        return said.isEmpty();
    }

    /** After all of the load's I/O has returned. */
    void recover(Round round) throws IOException {}

    @Override
    public String toString() {
        return title;
    }
}
