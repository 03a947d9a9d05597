// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

/**
 * What is done about settings of a database that make it acknowledge what a power cut may lose. Images and modules for
 * tests have some for speed: Testcontainers' PostgreSQL module starts the server with {@code fsync=off}. With such a
 * setting, a test of durability shows nothing.
 */
public enum Durability {
    /**
     * Settings of a known {@link Database} are turned on when the container starts. It does not start if that is not
     * possible. The first power cut of a container fails if no flush has reached the disk since the container was ready,
     * whether the database is known or not.
     */
    TURNED_ON,
    /**
     * Nothing is changed. A container whose database is not known, or has an unsafe setting, does not start. The first
     * power cut fails as for {@link #TURNED_ON}.
     */
    REQUIRED,
    /** Nothing is changed, and nothing is required: for a test that shows what a setting is worth. */
    AS_CONFIGURED
}
