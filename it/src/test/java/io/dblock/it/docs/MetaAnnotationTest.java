// SPDX-License-Identifier: Apache-2.0
package io.dblock.it.docs;

import static io.dblock.Filesystem.EXT4;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.dblock.BlockDevice;
import io.dblock.junit.DblockDevice;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Test;

class MetaAnnotationTest {

    @Target({ElementType.FIELD, ElementType.PARAMETER})
    @Retention(RetentionPolicy.RUNTIME)
    @DblockDevice(size = "256MiB", filesystem = EXT4, logicalBlockSize = 4096)
    @interface Ext4On4kBlocks {}

    @Test
    void aMetaAnnotationAsksForADevice(@Ext4On4kBlocks BlockDevice disk) {
        assertEquals(4096, disk.logicalBlockSize());
    }
}
