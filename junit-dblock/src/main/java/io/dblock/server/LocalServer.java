// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import io.dblock.DblockException;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.FileStore;
import io.dblock.handler.MemoryStore;
import io.dblock.handler.RequestHandler;
import io.dblock.kernel.ControlSession;
import io.dblock.kernel.DeviceParameters;
import io.dblock.kernel.ModuleLoader;
import io.dblock.power.CutReport;
import io.dblock.power.Survivors;
import java.io.IOException;
import java.util.List;

/** Serves devices from this JVM. */
public final class LocalServer {
    private LocalServer() {}

    /** Creates a device whose data are kept by a built-in store, and serves it. It is not started yet. */
    public static ServedDevice create(DeviceParameters parameters, FilterSpec filters, StoreSpec store) {
        return create(parameters, filters, open(store));
    }

    /** The same with a handler of the user's; closed with the device, also if it cannot be made. */
    public static ServedDevice create(DeviceParameters parameters, FilterSpec filters, BlockHandler handler) {
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

    /** The same with a handler in request form. */
    public static ServedDevice create(DeviceParameters parameters, FilterSpec filters, RequestHandler handler) {
        return onOwnSession(session -> LocalDevice.create(session, parameters, filters, handler));
    }

    /** Creates a device with the content of a snapshot of one of this server's devices. */
    public static ServedDevice fork(DeviceParameters parameters, FilterSpec filters, ServedSnapshot snapshot) {
        return create(parameters, filters, ((LocalSnapshot) snapshot).fork());
    }

    /**
     * Puts devices on one power supply.
     *
     * @throws IllegalArgumentException if one is given twice, or shares its supply already
     * @throws IllegalStateException if a user's handler answers for one of them
     */
    public static void joinPower(List<ServedDevice> devices) {
        PowerSupply.join(devices.stream().map(LocalDevice.class::cast).toList());
    }

    /** Cuts the power that these devices, all of one supply, share; the reports are in their order. */
    public static List<CutReport> cutPower(List<ServedDevice> devices, Survivors survivors) {
        return ((LocalDevice) devices.get(0)).powerSupply().cut(survivors);
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
            // The reason the device could not be made is on its way already and says more.
        }
    }
}
