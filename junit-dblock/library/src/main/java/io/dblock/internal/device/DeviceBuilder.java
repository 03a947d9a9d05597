// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.device;

import io.dblock.BlockDevice;
import io.dblock.DeviceOption;
import io.dblock.DeviceSpec;
import io.dblock.Filesystem;
import io.dblock.Placement;
import io.dblock.handler.BlockHandler;
import io.dblock.handler.RequestHandler;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

final class DeviceBuilder implements BlockDevice.Builder {
    private final Map<DeviceOption<?>, Object> values = new HashMap<>();
    private BlockHandler blockHandler;
    private RequestHandler requestHandler;

    @Override
    public <T> DeviceBuilder set(DeviceOption<T> option, T value) {
        option.put(values, value);
        return this;
    }

    DeviceBuilder noImage() {
        values.remove(DeviceOption.IMAGE);
        return this;
    }

    @Override
    public DeviceBuilder handler(BlockHandler handler) {
        blockHandler = handler;
        return this;
    }

    @Override
    public DeviceBuilder handler(RequestHandler handler) {
        requestHandler = handler;
        return this;
    }

    @Override
    public DeviceBuilder spec(DeviceSpec spec) {
        values.clear();
        values.putAll(spec.values());
        return this;
    }

    @Override
    public DeviceSpec spec() {
        return new DeviceSpec(values);
    }

    @Override
    public BlockDevice create() {
        return begin().get();
    }

    /** See {@link KernelDeviceProvider#begin}. */
    Supplier<BlockDevice> begin() {
        DeviceSpec spec = spec();
        if (blockHandler != null && requestHandler != null) {
            throw new IllegalArgumentException(
                    "Both a BlockHandler and a RequestHandler are set. Allowed: one of them. Use a builder for each device.");
        }
        if (spec.image().isPresent() && (blockHandler != null || requestHandler != null)) {
            throw new IllegalArgumentException(
                    "Both a handler and the image " + spec.image().get()
                            + " are set. Allowed: one of them. To filter an image, let the handler call a FileStore.");
        }
        if (spec.placement() == Placement.SERVER_PROCESS && (blockHandler != null || requestHandler != null)) {
            throw new IllegalArgumentException(
                    "placement is SERVER_PROCESS, and a handler is set. Allowed with a handler:"
                            + " AUTOMATIC and TEST_JVM, since it is code of the test's JVM.");
        }
        if (spec.zones().isPresent() && (blockHandler != null || requestHandler != null)) {
            throw new IllegalArgumentException(
                    "Both a handler and zoneSize are set. Allowed: one of them, since zones are"
                            + " kept by a built-in store.");
        }
        boolean empty = spec.image().isEmpty() && blockHandler == null && requestHandler == null;
        if (spec.readOnly() && spec.filesystem() != Filesystem.NONE && empty) {
            throw new IllegalArgumentException("readOnly is true and filesystem " + spec.filesystem()
                    + ". Allowed: false for a device that has to be formatted. Give it an image or a handler that has a"
                    + " filesystem, or leave one of the two out.");
        }
        return DeviceFactory.begin(spec, blockHandler, requestHandler);
    }
}
