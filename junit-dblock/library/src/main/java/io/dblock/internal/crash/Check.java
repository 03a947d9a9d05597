// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.crash;

/** What has to hold in each state. */
@FunctionalInterface
public interface Check {
    void check(ShownState state) throws Exception;
}
