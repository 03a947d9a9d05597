// SPDX-License-Identifier: Apache-2.0
/**
 * Containers of Testcontainers on disks that fail and lose their power.
 *
 * <p>{@link io.dblock.testcontainers.ContainerDisk} puts the data of a container on a device, and cuts the power of both.
 * {@link io.dblock.testcontainers.ContainerPower} does it for several devices and containers at one instant.
 * {@link io.dblock.testcontainers.Database} has the databases whose settings are known, and
 * {@link io.dblock.testcontainers.Durability} what is done about them.
 */
package io.dblock.testcontainers;
