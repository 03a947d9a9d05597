// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.server;

import io.dblock.DblockException;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.RequestHandler;
import io.dblock.internal.kernel.ControlSession;
import io.dblock.internal.kernel.DeviceParameters;
import io.dblock.internal.module.ModuleLoader;
import io.dblock.internal.store.FileStore;
import io.dblock.internal.store.MemoryStore;
import io.dblock.internal.store.ZonedStore;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Serves devices in this JVM. */
public final class LocalServer implements DeviceServer {
    private static final LocalServer INSTANCE = new LocalServer();

    private LocalServer() {}

    /** Returns the only instance. */
    public static LocalServer instance() {
        return INSTANCE;
    }

    @Override
    public ServedDevice create(DeviceParameters parameters, FilterSpec filters, StoreSpec store) {
        if (store.zones().isPresent()) {
            return create(
                    parameters,
                    filters,
                    new ZonedStore(store.size(), store.zones().get()));
        }
        return create(parameters, filters, open(store));
    }

    /**
     * Creates a device and serves it with a user's handler or a store. Closes the handler with the device, or at once if the
     * device cannot be created.
     */
    public ServedDevice create(DeviceParameters parameters, FilterSpec filters, BlockHandler handler) {
        boolean done = false;
        try {
            ServedDevice device = onOwnSession(session -> LocalDevice.create(session, parameters, filters, handler));
            done = true;
            return device;
        } finally {
            if (!done) {
                closeQuietly(handler);
            }
        }
    }

    private static ServedDevice create(DeviceParameters parameters, FilterSpec filters, ZonedStore store) {
        boolean done = false;
        try {
            ServedDevice device = onOwnSession(session -> LocalDevice.create(session, parameters, filters, store));
            done = true;
            return device;
        } finally {
            if (!done) {
                store.close();
            }
        }
    }

    /** Creates a device and serves it with a handler in request form. */
    public ServedDevice create(DeviceParameters parameters, FilterSpec filters, RequestHandler handler) {
        return onOwnSession(session -> LocalDevice.create(session, parameters, filters, handler));
    }

    @Override
    public void joinPower(List<ServedDevice> devices) {
        PowerSupply.join(filters(devices));
    }

    @Override
    public List<Optional<CutReport>> cutPower(List<ServedDevice> devices, Survivors survivors) {
        List<Filters> local = filters(devices);
        // Any device that is still open has the supply that they share.
        Map<Filters, CutReport> reports = local.stream()
                .filter(Filters::isOpen)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("Every device of the power domain is closed."))
                .powerSupply()
                .cut(survivors);
        return local.stream()
                .map(device -> Optional.ofNullable(reports.get(device)))
                .toList();
    }

    private static List<Filters> filters(List<ServedDevice> devices) {
        return devices.stream().map(LocalServer::filters).toList();
    }

    private static Filters filters(ServedDevice device) {
        if (device instanceof LocalDevice local) {
            return local.parts().filters();
        }
        throw new IllegalArgumentException(device.created().name()
                + " is served by another process. Allowed: devices of one placement; give them all the same.");
    }

    private interface OnSession {
        ServedDevice apply(ControlSession session);
    }

    private static ServedDevice onOwnSession(OnSession action) {
        ControlSession session = ModuleLoader.openSession();
        boolean done = false;
        try {
            ServedDevice device = action.apply(session);
            done = true;
            return device;
        } finally {
            if (!done) {
                session.close();
            }
        }
    }

    private static BlockHandler open(StoreSpec store) {
        if (store.image().isEmpty()) {
            return new MemoryStore(store.size());
        }
        try {
            return new FileStore(store.image().get(), store.mode().orElseThrow(), store.logicalBlock());
        } catch (IOException e) {
            throw new DblockException("Cannot open the image " + store.image().get() + ": " + e, e);
        }
    }

    private static void closeQuietly(BlockHandler handler) {
        try {
            handler.close();
        } catch (IOException | RuntimeException e) {
            // The exception that says why the device could not be created is being thrown, and matters more.
        }
    }
}
