// SPDX-License-Identifier: Apache-2.0
/**
 * Power cuts: what a disk's volatile cache holds, what of it survives a cut, and what a cut has done. All of it is
 * plain data. The package knows {@code handler}.
 */
package io.dblock.power;
