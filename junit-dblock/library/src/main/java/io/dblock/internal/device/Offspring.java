// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.fault.Unproven;
import io.dblock.internal.store.Choices;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What was made of a device and is still open, its snapshots and forks and theirs, and what those that are closed have left to
 * be told. A fork that is closed leaves both to the device that it came from. Safe for use by several threads.
 */
final class Offspring {
    /** Of what is told, so much is kept: there may be thousands of forks. */
    private static final int KEPT = 100;

    private final String device;
    private final String description;
    /** The lock of all that come from one device, however far. */
    private final Object family;

    // All guarded by the family.
    private Offspring parent;
    private final Set<LiveDevice> forks = new LinkedHashSet<>();
    private final Set<LiveSnapshot> snapshots = new LinkedHashSet<>();
    private final Told told = new Told();
    private boolean ended;

    /** What a device that is closed has left. */
    record Shown(List<Unproven> unproven, Choices choices, List<Throwable> failures) {
        static final Shown NOTHING = new Shown(List.of(), Choices.NONE, List.of());
    }

    private static final class Told {
        private final List<Unproven> unproven = new ArrayList<>();
        private long more;
        private Choices choices = Choices.NONE;
        private final List<Throwable> failures = new ArrayList<>();

        void add(Shown shown) {
            more += add(unproven, shown.unproven());
            choices = choices.and(shown.choices());
            add(failures, shown.failures());
        }

        void add(Told other) {
            add(new Shown(other.unproven, other.choices, other.failures));
            more += other.more;
        }

        private static <T> int add(List<T> list, List<T> added) {
            int fitting = Math.min(added.size(), KEPT - list.size());
            list.addAll(added.subList(0, fitting));
            return added.size() - fitting;
        }
    }

    private Offspring(String device, Offspring parent) {
        this.device = device;
        this.parent = parent;
        description = parent == null ? device : device + ", a fork of " + parent.device;
        family = parent == null ? new Object() : parent.family;
    }

    /** Of a device that comes from no other. */
    static Offspring of(String device) {
        return new Offspring(device, null);
    }

    /** Of a fork of this device. */
    Offspring ofFork(String fork) {
        return new Offspring(fork, this);
    }

    /** Such as "dblock1, a fork of dblock0". */
    String describe() {
        return description;
    }

    /** A fork was made, whose own offspring this is. */
    void add(LiveDevice fork) {
        synchronized (family) {
            Offspring heir = heir();
            if (heir != null) {
                heir.forks.add(fork);
            }
        }
    }

    /** A snapshot of this device was made. */
    void add(LiveSnapshot snapshot) {
        synchronized (family) {
            (ended ? heir() : this).snapshots.add(snapshot);
        }
    }

    /** A snapshot is closed. */
    void remove(LiveSnapshot snapshot) {
        synchronized (family) {
            for (Offspring at = this; at != null; at = at.parent) {
                at.snapshots.remove(snapshot);
            }
        }
    }

    /** The device is closed; what is left goes to the one it came from, if it did. */
    void end(LiveDevice own, Shown shown) {
        synchronized (family) {
            Offspring heir = heir();
            if (heir == null || ended) {
                return;
            }
            ended = true;
            heir.forks.remove(own);
            heir.forks.addAll(forks);
            heir.snapshots.addAll(snapshots);
            heir.told.add(shown);
            heir.told.add(told);
            forks.clear();
            snapshots.clear();
        }
    }

    /** The nearest device that this came from and that is not closed, or the first of all; null if this is that one. */
    private Offspring heir() {
        while (parent != null && parent.ended) {
            parent = parent.parent;
        }
        return parent;
    }

    /** All forks that are open, those of forks too, the newest first. */
    List<LiveDevice> forks() {
        synchronized (family) {
            List<LiveDevice> all = new ArrayList<>();
            collect(all);
            Collections.reverse(all);
            return all;
        }
    }

    private void collect(Collection<LiveDevice> all) {
        for (LiveDevice fork : forks) {
            all.add(fork);
            fork.offspring().collect(all);
        }
    }

    /** All snapshots that are open, those of forks too. */
    List<LiveSnapshot> snapshots() {
        synchronized (family) {
            List<LiveSnapshot> all = new ArrayList<>(snapshots);
            forks.forEach(fork -> all.addAll(fork.offspring().snapshots()));
            return all;
        }
    }

    /** What forks that are closed have left unproven. */
    List<Unproven> unproven() {
        synchronized (family) {
            List<Unproven> all = new ArrayList<>(told.unproven);
            if (told.more > 0) {
                all.add(new Unproven(
                        Unproven.Kind.RULE_NEVER_ACTED,
                        device + ": " + told.more + " more of closed forks, which are not named"));
            }
            return all;
        }
    }

    /** What the power cuts of forks that are closed had to choose from. */
    Choices choices() {
        synchronized (family) {
            return told.choices;
        }
    }

    /** What was thrown when forks that are closed were served. */
    List<Throwable> failures() {
        synchronized (family) {
            return List.copyOf(told.failures);
        }
    }
}
