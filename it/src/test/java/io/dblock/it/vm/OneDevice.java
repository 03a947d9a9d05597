// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.vm;

import io.dblock.BlockDevice;

/** A program that makes a device and ends, with no more on its class path than the library takes. */
final class OneDevice {
    private OneDevice() {}

    public static void main(String[] arguments) {
        try (BlockDevice device = BlockDevice.builder().size("1MiB").create()) {
            System.out.println("made " + device.size());
        }
    }
}
