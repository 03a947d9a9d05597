// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.internal.device.WaitingDevices;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/**
 * Makes the devices of the fields of one class or test, once. Usually the extension's own callback does that. But JUnit
 * calls the extensions of a class before those of its fields, so the extension of Testcontainers starts containers before
 * the devices are made that they use. Then the starting container has them made: they are announced before any callback,
 * as {@link WaitingDevices}.
 *
 * <p>JUnit closes what is in the store of a context in reverse order. This object is put there when the devices are
 * announced. So those that were made early are torn down after what an earlier callback has started.
 */
final class FieldDevices implements AutoCloseable {
    private static final Namespace NAMESPACE = Namespace.create(FieldDevices.class);

    /** Makes the devices. They belong to the object that it gets, if they are made early. */
    interface Maker {
        void make(Optional<FieldDevices> early);
    }

    private final Maker maker;
    private final Supplier<Optional<RuntimeException>> early = this::makeEarly;
    /** Those that were made early, the newest first. */
    private final Deque<DeviceLease> leases = new ArrayDeque<>();

    private boolean made;
    private Optional<RuntimeException> failure = Optional.empty();

    private FieldDevices(Maker maker) {
        this.maker = maker;
    }

    /** Must be called before any callback that may use the devices. */
    static void announce(ExtensionContext context, Maker maker) {
        // Before this object, so that the tracker outlives the devices.
        CleanupTracker.install(context);
        FieldDevices announced = ContextStores.computeIfAbsent(
                context.getStore(NAMESPACE), context.getUniqueId(), key -> new FieldDevices(maker), FieldDevices.class);
        WaitingDevices.add(announced.early);
    }

    /** Makes the devices if they have not been made early. Throws what making them has thrown. */
    static void make(ExtensionContext context, Maker maker) {
        FieldDevices announced = context.getStore(NAMESPACE).get(context.getUniqueId(), FieldDevices.class);
        if (announced == null) {
            maker.make(Optional.empty()); // Whoever runs the tests has turned conditions off.
        } else {
            announced.makeNow();
        }
    }

    private synchronized void makeNow() {
        if (!made) {
            made = true;
            WaitingDevices.remove(early);
            maker.make(Optional.empty());
        }
        if (failure.isPresent()) {
            throw failure.get();
        }
    }

    private synchronized Optional<RuntimeException> makeEarly() {
        if (!made) {
            made = true;
            WaitingDevices.remove(early);
            try {
                maker.make(Optional.of(this));
            } catch (RuntimeException e) {
                failure = Optional.of(e);
            }
        }
        return failure;
    }

    /** Tears this device down when the context ends, after what came later into the store. */
    void keep(DeviceLease lease) {
        leases.push(lease);
    }

    @Override
    public synchronized void close() {
        made = true;
        WaitingDevices.remove(early);
        AssertionError thrown = null;
        for (DeviceLease lease : leases) {
            try {
                lease.close();
            } catch (AssertionError e) {
                if (thrown == null) {
                    thrown = e;
                } else {
                    thrown.addSuppressed(e);
                }
            }
        }
        if (thrown != null) {
            throw thrown;
        }
    }
}
