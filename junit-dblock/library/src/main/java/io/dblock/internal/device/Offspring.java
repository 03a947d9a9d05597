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
 * The open snapshots and forks of a device, and what its closed forks have left: what they have shown about rules, power
 * cuts and handlers. A fork that is closed leaves its own offspring to the device that it came from. Safe for use by
 * several threads.
 */
final class Offspring {
    /** How many entries of each list are kept from closed forks, of which there may be thousands. */
    private static final int KEPT = 100;

    private final String device;
    private final String description;
    /** The lock that a device shares with all its forks and their forks. */
    private final Object family;

    // All guarded by the family.
    private Offspring parent;
    private final Set<LiveDevice> forks = new LinkedHashSet<>();
    private final Set<LiveSnapshot> snapshots = new LinkedHashSet<>();
    private final Told told = new Told();
    private boolean ended;

    /** What a closed device leaves. */
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

    /** Creates the offspring of a device that is not a fork. */
    static Offspring of(String device) {
        return new Offspring(device, null);
    }

    /** Creates the offspring of a fork of this device. */
    Offspring ofFork(String fork) {
        return new Offspring(fork, this);
    }

    /** Returns the name of the device, with that of its original, such as "dblock1, a fork of dblock0". */
    String describe() {
        return description;
    }

    /** Adds a fork, whose own offspring this is, to the offspring of its original. Does nothing if the device is no fork. */
    void add(LiveDevice fork) {
        synchronized (family) {
            Offspring heir = heir();
            if (heir != null) {
                heir.forks.add(fork);
            }
        }
    }

    /** Adds a new snapshot of this device. */
    void add(LiveSnapshot snapshot) {
        synchronized (family) {
            (ended ? heir() : this).snapshots.add(snapshot);
        }
    }

    /** Removes a snapshot that is closed. */
    void remove(LiveSnapshot snapshot) {
        synchronized (family) {
            for (Offspring at = this; at != null; at = at.parent) {
                at.snapshots.remove(snapshot);
            }
        }
    }

    /** Ends this: the device is closed, and leaves everything to the device that it came from, if it is a fork. */
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

    /** Returns the nearest ancestor that is open, else the first of all; null if the device is not a fork. */
    private Offspring heir() {
        while (parent != null && parent.ended) {
            parent = parent.parent;
        }
        return parent;
    }

    /** Returns all open forks, including forks of forks, newest first. */
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

    /** Returns all open snapshots, including those of forks. */
    List<LiveSnapshot> snapshots() {
        synchronized (family) {
            List<LiveSnapshot> all = new ArrayList<>(snapshots);
            forks.forEach(fork -> all.addAll(fork.offspring().snapshots()));
            return all;
        }
    }

    /** Returns what closed forks have left unproven. */
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

    /** Returns what the power cuts of closed forks had to choose from. */
    Choices choices() {
        synchronized (family) {
            return told.choices;
        }
    }

    /** Returns what handlers and predicates of closed forks have thrown. */
    List<Throwable> failures() {
        synchronized (family) {
            return List.copyOf(told.failures);
        }
    }
}
