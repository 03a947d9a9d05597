// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.death;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.util.List;

/** A way to die. */
enum Row {
    /** With files of its own open and dirty on its disks, every other time. */
    KILLED_TEST_JVM("kill -9 of the test JVM", Serving.STORE, Survival.DIES) {
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

    OWN_FILES_AT_EXIT("files of the JVM's own dirty on its disks at its exit", Serving.STORE, Survival.DIES) {
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

    STOPPED_TEST_JVM("SIGSTOP of a test JVM with a handler, longer than the timeout", Serving.HANDLER, Survival.LIVES) {
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

    OUT_OF_MEMORY("OutOfMemoryError in a handler", Serving.HANDLER, Survival.LIVES) {
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

    THROWING("an exception or Error from a handler", Serving.HANDLER, Survival.LIVES) {
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

    NEVER_ANSWERING("a handler that never answers", Serving.HANDLER, Survival.LIVES) {
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

    SESSION_CLOSED("close of the session's fd from another thread", Serving.HANDLER, Survival.LIVES) {
        @Override
        void strike(Round round) throws IOException {
            assertThat(round.victim().order("close-sessions")).isEqualTo("3");
        }

        @Override
        boolean closesWell(String said) {
            // The library may well say that somebody has closed what is its own.
            return said.isEmpty() || said.contains("ENOTTY");
        }
    },

    DESTROYED("forced destroy with mounted filesystems and dirty pages", Serving.STORE, Survival.LIVES) {
        @Override
        boolean loadSyncs() {
            return false;
        }

        @Override
        void strike(Round round) throws IOException {
            assertThat(round.victim().order("destroy")).isEqualTo("destroyed destroyed destroyed");
        }
    },

    DESTROYED_BY_ANOTHER("destroyed by another process", Serving.STORE, Survival.LIVES) {
        @Override
        void strike(Round round) {
            assertThat(round.destroyAll()).containsOnly("destroyed");
        }
    },

    TWO_DESTROYERS("two destroyers at once", Serving.STORE, Survival.LIVES) {
        @Override
        void strike(Round round) throws IOException {
            round.victim().tell("destroy");
            List<String> ours = round.destroyAll();
            String theirs = round.victim().answer("destroy");
            // ENODEV, EALREADY: the other was first.
            assertThat(ours).allMatch(outcome -> outcome.matches("destroyed|19|114"));
            assertThat(theirs.split(" ", -1)).allMatch(outcome -> outcome.matches("destroyed|19|114"));
        }
    };

    /** What becomes of the victim. */
    enum Survival {
        DIES,
        LIVES
    }

    /** Of requests, where it is waited for: well above what an emulated machine needs for one. */
    private static final Duration SHORT = Duration.ofMillis(1500);

    private static final int EXITS = 8;

    private static final Duration LONG = Duration.ofSeconds(30);

    private final String title;
    private final Serving serving;
    private final Survival survival;

    Row(String title, Serving serving, Survival survival) {
        this.title = title;
        this.serving = serving;
        this.survival = survival;
    }

    Serving serving() {
        return serving;
    }

    boolean dies() {
        return survival == Survival.DIES;
    }

    /** How long the disks' server may hold a request. */
    Duration timeout() {
        return LONG;
    }

    /** Whether the load calls fsync now and then, or leaves more and more dirty. */
    boolean loadSyncs() {
        return true;
    }

    /** Before the load. */
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
