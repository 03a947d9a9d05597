// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.DblockException;
import io.dblock.internal.kernel.Bounded;
import io.dblock.internal.server.ServedDevice;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;

/** Removes a disk by force, even if its server does not answer. Safe for use by several threads. */
final class Removal {
    private final ServedDevice served;
    private final Host host;
    /** How long the server may take to answer a question. */
    private final Duration answer;

    private volatile boolean silent;

    Removal(ServedDevice served, Host host, Duration answer) {
        this.served = served;
        this.host = host;
        this.answer = answer;
    }

    /** Returns how long the server may take to answer a question. */
    Duration answer() {
        return answer;
    }

    /** Returns whether the server has not answered a question in time. It is asked no more questions then. */
    boolean isSilent() {
        return silent;
    }

    /**
     * Returns the server's answer to a question.
     *
     * @throws DblockException if the server does not answer in time, now or before, or answers with an error
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
     * Removes the disk. First asks the server, so that it knows that its answers are no longer needed; if that fails, asks
     * the module.
     *
     * @return the failure of the server, if it failed; the disk is gone in any case
     * @throws DblockException if the module could not remove the disk either
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
