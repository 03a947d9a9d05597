// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

/**
 * What the loaded module reports about itself.
 *
 * @param abi the version of its ABI
 * @param features bits of DBLOCK_FEAT_*
 * @param module the module's own version
 */
public record ModuleVersion(int abi, long features, String module) {
    // What the library makes use of whenever it serves.
    private static final long NEEDED = Abi.FEAT_ANSWER_MORE | Abi.FEAT_TIMES | Abi.FEAT_SEGMENTS;

    /** Returns whether the module has what {@link Batch} needs: answers to parts of a request, and times. */
    public boolean hasNeeded() {
        return (features & NEEDED) == NEEDED;
    }
}
