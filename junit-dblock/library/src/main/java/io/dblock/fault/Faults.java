// SPDX-License-Identifier: Apache-2.0
package io.dblock.fault;

import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.handler.Operation;
import io.dblock.handler.RequestInfo;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;

/**
 * The fault rules of a device.
 *
 * <pre>{@code
 * disk.faults().on(WRITE).sectors(8, 15).times(1).fail(EIO);
 * }</pre>
 *
 * <p>Each request is shown to the rules in the order in which they were armed. A rule acts on the sectors of the request
 * that it names, and on no others, however the kernel has merged or split what an application wrote; what it has acted on
 * is not seen by later rules, unless it {@link FaultBuilder#fallThrough() falls through}. A request of which some sectors
 * fail is answered sector by sector.
 *
 * <p>The page cache hides faults: a read of cached data makes no request, and a write is seen to fail by {@code fsync}.
 * {@code BlockDevice.openChannel()} and {@code dropCaches()} go around it.
 *
 * <p>Every random choice comes from the {@link #seed() seed}, the number of the rule (the n-th ever armed) and the number
 * of the request among those that the rule matched: with the same three it is the same.
 *
 * <p>Safe for use by several threads, while I/O runs.
 */
public abstract class Faults {
    private static final int SHOWN = 100;
    private static final int PLACES = 1000;

    // Guarded by itself.
    private final Set<Begun> begun = new LinkedHashSet<>();
    /** Where rules were armed, by name; of the newest. Guarded by begun. */
    private final Map<String, String> places = new LinkedHashMap<>();

    /** For those who apply rules. */
    protected Faults() {}

    /**
     * Begins a rule on requests with any of these operations.
     *
     * @throws IllegalArgumentException if none is given
     */
    @CheckReturnValue
    public final FaultBuilder on(Operation... operations) {
        return begin(Match.on(operations));
    }

    /** Begins a rule on all requests that its action can act on. */
    @CheckReturnValue
    public final FaultBuilder onAny() {
        return begin(Match.any());
    }

    private FaultBuilder begin(Match match) {
        String where = StackWalker.getInstance()
                .walk(frames -> frames.filter(frame -> !frame.getClassName().equals(Faults.class.getName()))
                        .findFirst())
                .map(frame -> frame.toStackTraceElement().toString())
                .orElse("an unknown place");
        Begun rule = new Begun(where);
        synchronized (begun) {
            begun.add(rule);
        }
        return new FaultBuilder(this, match, rule);
    }

    /** A rule that was begun, by whichever builders come of it. */
    final class Begun {
        private final String where;
        private volatile FaultBuilder latest;

        private Begun(String where) {
            this.where = where;
        }

        /** It has got this far. */
        void reached(FaultBuilder builder) {
            latest = builder;
        }

        /** A rule of it is armed, with this name. */
        void armed(String name) {
            synchronized (begun) {
                places.put(name, where);
                if (places.size() > PLACES) {
                    places.remove(places.keySet().iterator().next());
                }
            }
        }

        /** Something has come of it. */
        void used() {
            synchronized (begun) {
                begun.remove(this);
            }
        }
    }

    /**
     * Rules that were begun by {@link #on} or {@link #onAny} and never got an action, so that they were not armed: what each
     * says so far, and where it was begun. At most the first hundred.
     */
    public final List<String> unarmed() {
        synchronized (begun) {
            return begun.stream()
                    .limit(SHOWN)
                    .map(rule -> rule.latest + ", begun at " + rule.where)
                    .toList();
        }
    }

    /** The line of the source that armed the rule with this name by {@link #on} or {@link #onAny}; empty if that is not known. */
    public final String armedAt(String name) {
        synchronized (begun) {
            return places.getOrDefault(name, "");
        }
    }

    /**
     * Arms a rule.
     *
     * @throws IllegalArgumentException if its range or one of its figures does not fit the device: neither whole logical
     *     blocks nor within it; if its name is taken; or if the device cannot do it (stale reads and power cuts need a
     *     built-in store)
     * @throws IllegalStateException if the device is closed
     */
    public Fault add(FaultRule rule) {
        return add(rule, request -> true);
    }

    /**
     * Arms a rule that matches only requests for which {@code predicate} is true. It is asked last, by the threads that
     * serve the device, and must neither block nor do I/O on the device. A request for which it throws fails with EIO, and
     * {@code BlockDevice.handlerFailures()} has what it threw.
     */
    public abstract Fault add(FaultRule rule, Predicate<RequestInfo> predicate);

    /** The rules that are armed, in the order in which requests are shown to them. */
    public abstract List<Fault> list();

    /** The rule with this name, if it is armed. */
    public abstract Optional<Fault> find(String name);

    /** Every rule that was ever armed, in that order; of removed ones that have acted or are lenient the last thousand. */
    public abstract List<Fault> history();

    /** Rules that were armed, now or earlier, have never acted on a request, and are not lenient. */
    public abstract List<Fault> unused();

    /** Removes all rules; see {@link Fault#close()}. */
    public abstract void clear();

    /** What random choices come from. A device that was given no seed has made one up. */
    public abstract long seed();

    /** Has the random choices of later requests come from this seed. */
    public abstract void seed(long seed);
}
