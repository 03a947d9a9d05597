// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.dblock.DblockException;
import io.dblock.internal.watchdog.Watchdog;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class WatchesTest {
    private final List<String> done = new CopyOnWriteArrayList<>();

    private Watchdog.Watch watch(String name) {
        done.add(name);
        return () -> done.add(name + " ends");
    }

    @Test
    void bothWatchWhenTheDiskHasStarted() {
        CountDownLatch asked = new CountDownLatch(1);
        Watchdog.Watch both = Watches.during(
                () -> {
                    // The other process is asked meanwhile.
                    try {
                        assertThat(asked.await(30, TimeUnit.SECONDS)).isTrue();
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                },
                "having it watched",
                () -> {
                    asked.countDown();
                    return watch("outside");
                },
                () -> watch("inside"));
        assertThat(done).containsExactly("outside", "inside");
        both.close();
        assertThat(done).endsWith("inside ends", "outside ends");
    }

    @Test
    void aDiskThatDoesNotStartSaysWhyAndIsNotWatched() {
        IllegalStateException reason = new IllegalStateException("no disk");
        assertThatThrownBy(() -> Watches.during(
                        () -> {
                            throw reason;
                        },
                        "having it watched",
                        () -> watch("outside"),
                        () -> watch("inside")))
                .isSameAs(reason);
        assertThat(done).containsExactly("outside", "outside ends");
    }

    @Test
    void aDiskThatDoesNotStartSaysWhyAlthoughNobodyCouldWatchIt() {
        IllegalStateException reason = new IllegalStateException("no disk");
        assertThatThrownBy(() -> Watches.during(
                        () -> {
                            throw reason;
                        },
                        "having it watched",
                        () -> {
                            throw new DblockException("no server process");
                        },
                        () -> watch("inside")))
                .isSameAs(reason)
                .satisfies(thrown -> assertThat(thrown.getSuppressed())
                        .singleElement()
                        .satisfies(other -> assertThat(other).hasMessage("no server process")));
        assertThat(done).isEmpty();
    }

    @Test
    void aDiskThatNobodyCanWatchIsAnError() {
        assertThatThrownBy(() -> Watches.during(
                        () -> {},
                        "having it watched",
                        () -> {
                            throw new DblockException("no server process");
                        },
                        () -> watch("inside")))
                .hasMessage("no server process");
        assertThat(done).isEmpty();
    }

    @Test
    void theOneEndsThoughTheOtherFailsTo() {
        Watchdog.Watch both = Watches.during(() -> {}, "having it watched", () -> watch("outside"), () -> () -> {
            throw new DblockException("stuck");
        });
        assertThatThrownBy(both::close).hasMessage("stuck");
        assertThat(done).containsExactly("outside", "outside ends");
    }
}
