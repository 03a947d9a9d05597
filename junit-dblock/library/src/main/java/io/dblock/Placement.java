// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/**
 * Which process serves a device.
 *
 * <p>By default, a separate process serves memory and images, to avoid a deadlock. When a test touches a page of a mapped
 * file, its thread may wait for the disk while the JVM counts it as running Java code. A garbage collection then waits
 * for that thread, and all other threads of the JVM wait for the garbage collection. If one of these threads had to
 * serve the disk, nothing would go on.
 */
public enum Placement {
    /** Not set: the configuration parameter applies, otherwise {@link #AUTOMATIC}. No device has this value. */
    DEFAULT,

    /** {@link #SERVER_PROCESS} for the built-in stores, {@link #TEST_JVM} for a user's handler. */
    AUTOMATIC,

    /**
     * The server process: one for all such devices of a test JVM, started with the first of them. Only for the built-in
     * stores. The test JVM still evaluates the predicates of fault rules.
     */
    SERVER_PROCESS,

    /** The test JVM. It must not map files of the disk into memory. */
    TEST_JVM
}
