// SPDX-License-Identifier: Apache-2.0
package io.dblock.server;

import io.dblock.kernel.ControlException;
import io.dblock.kernel.DeviceInfo;
import java.util.List;

/**
 * A device and who serves it, reached by a handful of commands whose arguments and results are data: the server may live
 * in another process.
 */
public interface ServedDevice extends AutoCloseable {

    /** The device as it was made. */
    DeviceInfo created();

    /** What the module says of it now. */
    DeviceInfo info();

    /** Makes the disk appear. */
    void start();

    /** What the server has seen so far. */
    RequestCounts counts();

    /** What the handler has thrown so far, at most the first hundred. */
    List<Throwable> failures();

    /**
     * Removes the disk; no error if it is gone already.
     *
     * @throws ControlException EBUSY if it is open and {@code force} is false
     */
    void destroy(boolean force);

    /**
     * Destroys the device by force if that is still to be done, waits for the server's threads, and closes the handler.
     * Idempotent.
     *
     * @throws io.dblock.DblockException if a thread does not end, because the handler does not return
     */
    @Override
    void close();
}
