// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.fault;

import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.HeldRequest;
import io.dblock.handler.RequestInfo;
import java.time.Duration;
import java.util.List;

/** The test's handle of an armed rule. All handles of one rule are equal. */
final class LiveFault implements Fault {
    private final FaultFilter filter;
    private final FaultState state;

    LiveFault(FaultFilter filter, FaultState state) {
        this.filter = filter;
        this.state = state;
    }

    @Override
    public String name() {
        return state.name();
    }

    @Override
    public FaultRule rule() {
        return state.rule();
    }

    @Override
    public boolean isArmed() {
        return state.armed();
    }

    @Override
    public long hits() {
        return state.hits();
    }

    @Override
    public void awaitHits(long count, Duration timeout) throws InterruptedException {
        if (count < 1) {
            throw new IllegalArgumentException(
                    "count is " + count + ". Allowed: at least 1 request; hits() says that there was none.");
        }
        long hits = state.awaitHits(count, timeout);
        if (hits < count) {
            String why = state.armed() ? "within " + timeout.toMillis() + " ms" : "before it was removed";
            throw new AssertionError("The fault " + rule() + " has acted on " + hits + " of " + count + " requests "
                    + why + ". " + (hits == 0 ? state.whyNever() + " " : "") + lastRequests());
        }
    }

    private String lastRequests() {
        List<FaultFilter.Seen> recent = filter.recent();
        if (recent.isEmpty()) {
            return "No request has come to the device while there were rules: data in the page cache causes none; use"
                    + " openChannel(), fsync or dropCaches().";
        }
        StringBuilder text = new StringBuilder("The last requests while there were rules:");
        for (FaultFilter.Seen seen : recent) {
            text.append("\n  #")
                    .append(seen.sequence())
                    .append(' ')
                    .append(FaultFilter.describe(seen.info()))
                    .append(": ")
                    .append(misfit(seen.info()));
        }
        return text.toString();
    }

    private String misfit(RequestInfo info) {
        NearMiss miss = NearMiss.of(rule(), info);
        return miss == null ? "matches by operation, range, flags and length" : miss.ofRequest(info);
    }

    @Override
    public List<HeldRequest> held() {
        return state.waiting().stream()
                .filter(FaultWait::held)
                .map(HeldRequest.class::cast)
                .toList();
    }

    @Override
    public void release() {
        for (FaultWait wait : state.waiting()) {
            // Another thread may release the same requests at the same time.
            if (wait.held() && state.leave(wait)) {
                wait.released();
            }
        }
    }

    @Override
    public void replace(FaultRule rule) {
        filter.replace(state, rule);
    }

    @Override
    public void close() {
        filter.remove(state);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LiveFault fault && fault.state == state;
    }

    @Override
    public int hashCode() {
        return System.identityHashCode(state);
    }

    /** Returns the rule and its hits. */
    @Override
    public String toString() {
        return rule() + " (" + state.hits() + (state.hits() == 1 ? " hit" : " hits")
                + (state.armed() ? "" : ", removed") + ")";
    }
}
