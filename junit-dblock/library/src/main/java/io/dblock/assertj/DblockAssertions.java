// SPDX-License-Identifier: Apache-2.0
package io.dblock.assertj;

import com.google.errorprone.annotations.CheckReturnValue;
import io.dblock.BlockDevice;

/**
 * Assertions on devices, to be imported beside AssertJ's own:
 *
 * <pre>{@code
 * import static io.dblock.assertj.DblockAssertions.assertThat;
 *
 * disk.journal().mark("commit");
 * commit(disk.mount());
 * assertThat(disk).since("commit").wrote().thenFlushed().leavesNothingUnflushed();
 * }</pre>
 */
public final class DblockAssertions {

    private DblockAssertions() {}

    /** Returns assertions on this device. */
    @CheckReturnValue
    public static BlockDeviceAssert assertThat(BlockDevice actual) {
        return new BlockDeviceAssert(actual);
    }
}
