// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DblockException;
import io.dblock.internal.kernel.Bounded;
import io.dblock.internal.server.ServedDevice;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;

/** Removes a disk by force, whether its server answers or not. Safe for use by several threads. */
final class Removal {
    private final ServedDevice served;
    private final Host host;
    /** How long the server may take for a question. */
    private final Duration answer;

    private volatile boolean silent;

    Removal(ServedDevice served, Host host, Duration answer) {
        this.served = served;
        this.host = host;
        this.answer = answer;
    }

    /** How long the server may take for a question. */
    Duration answer() {
        return answer;
    }

    /** Whether the server has failed to answer a question in time. It is not asked any more then. */
    boolean isSilent() {
        return silent;
    }

    /**
     * What the server says, unless it does not answer in time, or with an error.
     *
     * @throws DblockException if it does not; says why
     */
    <T> T ask(String what, Supplier<T> question) {
        if (silent) {
            throw new DblockException(
                    what + " was not tried: the device's server does not answer, an earlier question neither.");
        }
        Bounded<T> asked = Bounded.start(what, question);
        if (!asked.awaitEnd(answer)) {
            silent = true;
            throw new DblockException(
                    what + " has not ended within " + answer.toSeconds() + " s: the device's server does not answer.");
        }
        return asked.result(answer);
    }

    /**
     * Removes it. Asked first is the server, which then knows that nobody waits for its answers any more.
     *
     * @return what the server failed with, if it did; the disk is gone then, too
     * @throws DblockException if the module did not remove it either
     */
    Optional<DblockException> byForce() {
        try {
            ask("removing " + served.created().name(), () -> {
                served.destroy(true);
                return true;
            });
            return Optional.empty();
        } catch (DblockException e) {
            host.destroy(served.created().id());
            return Optional.of(e);
        }
    }
}
