// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

import java.util.function.Consumer;

/** What a test does with a disk. */
@FunctionalInterface
public interface Work {
    void run(Consumer<Object> acknowledge) throws Exception;
}
