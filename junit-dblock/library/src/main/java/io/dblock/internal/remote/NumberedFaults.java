// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

import io.dblock.fault.Fault;
import io.dblock.fault.FaultRule;
import io.dblock.fault.Faults;
import io.dblock.fault.HeldRequest;
import io.dblock.handler.RequestInfo;
import io.dblock.internal.remote.ServerCommands.FaultView;
import io.dblock.internal.remote.ServerCommands.HeldView;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/** The rules of a device and the requests they hold, by numbers. Safe for use by several threads. */
final class NumberedFaults {
    /** Of more the ones that are no longer held are forgotten. */
    private static final int MAX_HELD = 10_000;

    private final Faults faults;

    // Guarded by this.
    private final Map<Fault, Long> numbers = new HashMap<>();
    private final Map<Long, Fault> byNumber = new HashMap<>();
    private final IdentityHashMap<HeldRequest, Long> heldNumbers = new IdentityHashMap<>();
    private final Map<Long, HeldRequest> held = new HashMap<>();
    private long last;

    NumberedFaults(Faults faults) {
        this.faults = faults;
    }

    FaultView add(FaultRule rule) {
        return view(faults.add(rule));
    }

    FaultView add(FaultRule rule, Predicate<RequestInfo> predicate) {
        return view(faults.add(rule, predicate));
    }

    List<FaultView> armed() {
        return faults.list().stream().map(this::view).toList();
    }

    synchronized List<FaultView> history() {
        List<Fault> known = faults.history();
        // What the device has forgotten, nobody asks for any more; but for what was armed just now.
        Set<Fault> remembered = new HashSet<>(known);
        List<Fault> forgotten = new ArrayList<>(numbers.keySet());
        forgotten.removeIf(fault -> remembered.contains(fault) || fault.isArmed());
        forgotten.forEach(fault -> byNumber.remove(numbers.remove(fault)));
        return known.stream().map(this::view).toList();
    }

    FaultView view(long number) {
        return view(get(number));
    }

    private synchronized FaultView view(Fault fault) {
        long number = numbers.computeIfAbsent(fault, unknown -> ++last);
        byNumber.put(number, fault);
        return new FaultView(number, fault.rule(), fault.isArmed(), fault.hits(), fault.toString());
    }

    synchronized Fault get(long number) {
        Fault fault = byNumber.get(number);
        if (fault == null) {
            throw new IllegalStateException("The rule was removed long ago, and is forgotten.");
        }
        return fault;
    }

    synchronized List<HeldView> held(long number) {
        if (held.size() > MAX_HELD) {
            Set<HeldRequest> now = Collections.newSetFromMap(new IdentityHashMap<>());
            faults.list().forEach(fault -> now.addAll(fault.held()));
            held.values().removeIf(request -> !now.contains(request));
            heldNumbers.keySet().removeIf(request -> !now.contains(request));
        }
        List<HeldView> views = new ArrayList<>();
        for (HeldRequest request : get(number).held()) {
            long heldNumber = heldNumbers.computeIfAbsent(request, unknown -> ++last);
            held.put(heldNumber, request);
            views.add(new HeldView(heldNumber, request.info(), request.heldFor()));
        }
        return views;
    }

    synchronized HeldRequest heldRequest(long number) {
        HeldRequest request = held.get(number);
        if (request == null) {
            throw new IllegalStateException("The request is not held any more: it was let go long ago.");
        }
        return request;
    }
}
