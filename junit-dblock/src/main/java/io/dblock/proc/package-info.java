// SPDX-License-Identifier: Apache-2.0
/** Internal: what Linux says of its processes and tasks, and of who uses a disk. */
package io.dblock.proc;
