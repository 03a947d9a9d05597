// SPDX-License-Identifier: Apache-2.0
package io.dblock;

/**
 * Which process serves a device.
 *
 * <p>A test that maps a file of its disk into memory waits, whenever it touches a page that is not there yet, for the disk
 * inside of what the JVM takes for running Java code. A garbage collection waits for that thread, every other thread of the
 * JVM for the garbage collection, and if one of these is to serve the disk, nothing goes on. So memory and images are served
 * by a process of their own.
 */
public enum Placement {
    /** {@link #SERVER_PROCESS} for the built-in stores, {@link #TEST_JVM} for a handler of the user's. */
    AUTOMATIC,

    /**
     * A process of its own, one for all such devices of a test's JVM, started with the first of them. Only for the built-in
     * stores. Predicates of fault rules are asked in the test's JVM all the same.
     */
    SERVER_PROCESS,

    /** The test's JVM. Files of the disk must not be mapped into memory there. */
    TEST_JVM
}
