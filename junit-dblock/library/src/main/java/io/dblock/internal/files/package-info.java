// SPDX-License-Identifier: Apache-2.0
/**
 * Which file a block belongs to. {@link io.dblock.internal.files.FilesystemLook} looks at a mounted filesystem,
 * {@link io.dblock.internal.files.FileHistory} keeps what was seen and when, and
 * {@link io.dblock.internal.files.DeviceFiles} decides when to look.
 */
package io.dblock.internal.files;
