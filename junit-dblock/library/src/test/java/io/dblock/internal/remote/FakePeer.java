// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

/** A process whose state the test sets. */
final class FakePeer implements Peer {
    private final String name;
    private final AtomicInteger looks = new AtomicInteger();
    private volatile Liveness liveness = Liveness.IDLE;
    private volatile Duration patience = Duration.ofSeconds(60);

    FakePeer(String name) {
        this.name = name;
    }

    void becomes(Liveness now) {
        liveness = now;
    }

    void isWaitedForAtMost(Duration limit) {
        patience = limit;
    }

    /** Returns how often the state was read. */
    int looks() {
        return looks.get();
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Liveness liveness() {
        looks.incrementAndGet();
        return liveness;
    }

    @Override
    public String describe() {
        return "It is somewhere.";
    }

    @Override
    public Duration patience() {
        return patience;
    }
}
