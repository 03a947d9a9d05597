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
 * <p>The rules see each request in the order in which they were armed. A rule acts only on those sectors of a request
 * that it names, however the kernel has merged or split an application's writes. Later rules do not see what a rule has
 * acted on, unless it {@link FaultBuilder#fallThrough() falls through}. If only some sectors of a request fail, the
 * request is answered sector by sector.
 *
 * <p>The page cache hides faults: a read of cached data makes no request, and only {@code fsync} reports a failed
 * write. {@code BlockDevice.openChannel()} and {@code dropCaches()} bypass the page cache.
 *
 * <p>Every random choice depends on the {@link #seed() seed}, the number of the rule (the n-th ever armed) and the
 * number of the request among those that the rule matched. The same three give the same choice.
 *
 * <p>Safe for use by several threads, while I/O runs.
 */
public abstract class Faults {
    private static final int SHOWN = 100;
    private static final int PLACES = 1000;

    // Guarded by itself.
    private final Set<Begun> begun = new LinkedHashSet<>();
    /** Where rules were armed, by name; for each name, the newest. Guarded by begun. */
    private final Map<String, String> places = new LinkedHashMap<>();

    /** For implementations. */
    protected Faults() {}

    /**
     * Begins a rule on requests with any of these operations.
     *
     * @throws IllegalArgumentException if no operation is given
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

    /** A rule that was begun, and all builders made from it. */
    final class Begun {
        private final String where;
        private volatile FaultBuilder latest;

        private Begun(String where) {
            this.where = where;
        }

        /** Records the newest builder of the rule. */
        void reached(FaultBuilder builder) {
            latest = builder;
        }

        /** Records where the rule with this name was armed. */
        void armed(String name) {
            synchronized (begun) {
                places.put(name, where);
                if (places.size() > PLACES) {
                    places.remove(places.keySet().iterator().next());
                }
            }
        }

        /** Records that the rule got an action. */
        void used() {
            synchronized (begun) {
                begun.remove(this);
            }
        }
    }

    /**
     * Returns the rules that were begun with {@link #on} or {@link #onAny} but never armed, for lack of an action: what
     * each has so far, and where it was begun. At most the first hundred.
     */
    public final List<String> unarmed() {
        synchronized (begun) {
            return begun.stream()
                    .limit(SHOWN)
                    .map(rule -> rule.latest + ", begun at " + rule.where)
                    .toList();
        }
    }

    /**
     * Returns the source line that began the rule with this name, by {@link #on} or {@link #onAny}; empty if it is not
     * known.
     */
    public final String armedAt(String name) {
        synchronized (begun) {
            return places.getOrDefault(name, "");
        }
    }

    /**
     * Arms a rule.
     *
     * @throws IllegalArgumentException if the range or a number does not fit the device (not whole logical blocks, or
     *     not within the device), if the name is taken, or if the device does not support the action (stale reads and
     *     power cuts need a built-in store), or has no filesystem whose files a rule can name
     * @throws IllegalStateException if the device is closed
     */
    public Fault add(FaultRule rule) {
        return add(rule, request -> true);
    }

    /**
     * Arms a rule that matches only requests for which {@code predicate} is true. The predicate is called last, by
     * threads that serve the device, and must neither block nor do I/O on the device. If it throws, the request fails
     * with EIO, and {@code BlockDevice.handlerFailures()} has the exception.
     *
     * <p>The predicate is called in the test JVM, wherever the device is served. A thread that waits for a page of a
     * mapped file can keep that JVM from calling it, see {@link io.dblock.Placement}: then the request times out.
     */
    public abstract Fault add(FaultRule rule, Predicate<RequestInfo> predicate);

    /** Returns the armed rules, in the order in which they see requests. */
    public abstract List<Fault> list();

    /** Returns the rule with this name, if it is armed. */
    public abstract Optional<Fault> find(String name);

    /**
     * Returns every rule that was ever armed, in that order. Of the removed rules that have acted or are lenient, only
     * the last thousand are kept.
     */
    public abstract List<Fault> history();

    /** Returns the rules, armed or removed, that have never acted on a request and are not lenient. */
    public abstract List<Fault> unused();

    /** Removes all rules; see {@link Fault#close()}. */
    public abstract void clear();

    /** Returns the seed of random choices. A device without a given seed has made one up. */
    public abstract long seed();

    /** Sets the seed of the random choices for later requests. */
    public abstract void seed(long seed);
}
