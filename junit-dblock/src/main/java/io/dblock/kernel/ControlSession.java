// SPDX-License-Identifier: Apache-2.0
package io.dblock.kernel;

import java.util.List;

/**
 * An open {@code /dev/dblockctl}. Devices created here end with it, unless they were made to outlive it.
 *
 * <p>Safe for use by several threads.
 */
@SuppressWarnings("DoNotCallSuggester")
public final class ControlSession implements AutoCloseable {
    private ControlSession() {}

    /**
     * Opens one. The module has to be loaded, see {@link ModuleLoader#ensureLoaded()}.
     *
     * @throws io.dblock.DblockException if the control node cannot be opened; says why and what to do
     */
    public static ControlSession open() {
        throw new UnsupportedOperationException("not implemented yet");
    }

    /** What the loaded module says of itself. */
    public ModuleVersion version() {
        throw new UnsupportedOperationException("not implemented yet");
    }

    /**
     * Creates a device, not started unless {@link DeviceParameters.Flag#AUTO_START} is set.
     *
     * @return the device as it was made
     * @throws ControlException if the module refuses
     */
    public DeviceInfo create(DeviceParameters parameters) {
        throw new UnsupportedOperationException("not implemented yet: " + parameters);
    }

    /** Makes the disk of a device of this session appear. */
    public void start(int id) {
        throw new UnsupportedOperationException("not implemented yet: " + id);
    }

    /**
     * Removes a device of any session.
     *
     * @param force although it is open
     * @throws ControlException ENODEV if there is none, EBUSY if it is open and {@code force} is false
     */
    public void destroy(int id, boolean force) {
        throw new UnsupportedOperationException("not implemented yet: " + id + force);
    }

    /** The same by name. */
    public void destroy(String name, boolean force) {
        throw new UnsupportedOperationException("not implemented yet: " + name + force);
    }

    /** What the module says of this device. */
    public DeviceInfo info(int id) {
        throw new UnsupportedOperationException("not implemented yet: " + id);
    }

    /** The same by name. */
    public DeviceInfo info(String name) {
        throw new UnsupportedOperationException("not implemented yet: " + name);
    }

    /** All devices there are, of all sessions. */
    public List<DeviceInfo> list() {
        throw new UnsupportedOperationException("not implemented yet");
    }

    /** Closes it. Idempotent. */
    @Override
    public void close() {}
}
