// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MountOptionsTest {
    private static MountOptions parse(String options) {
        return MountOptions.parse(options).orElseThrow();
    }

    @ParameterizedTest
    @CsvSource({
        "ro, 0x1",
        "nosuid, 0x2",
        "nodev, 0x4",
        "noexec, 0x8",
        "sync, 0x10",
        "remount, 0x20",
        "dirsync, 0x80",
        "nosymfollow, 0x100",
        "noatime, 0x400",
        "nodiratime, 0x800",
        "silent, 0x8000",
        "relatime, 0x200000",
        "iversion, 0x800000",
        "strictatime, 0x1000000",
        "lazytime, 0x2000000"
    })
    void whatTheMountItselfHasIsAFlag(String option, String flag) {
        assertThat(parse(option)).isEqualTo(new MountOptions(Long.decode(flag), ""));
    }

    @Test
    void theFlagsAreThoseOfTheKernelsHeader() throws IOException {
        String header = Files.readString(Path.of("/usr/include/linux/mount.h"));
        Map<String, Long> flags = Map.ofEntries(
                Map.entry("MS_RDONLY", MountOptions.RDONLY),
                Map.entry("MS_NOSUID", MountOptions.NOSUID),
                Map.entry("MS_NODEV", MountOptions.NODEV),
                Map.entry("MS_NOEXEC", MountOptions.NOEXEC),
                Map.entry("MS_SYNCHRONOUS", MountOptions.SYNCHRONOUS),
                Map.entry("MS_REMOUNT", MountOptions.REMOUNT),
                Map.entry("MS_DIRSYNC", MountOptions.DIRSYNC),
                Map.entry("MS_NOATIME", MountOptions.NOATIME),
                Map.entry("MS_NODIRATIME", MountOptions.NODIRATIME),
                Map.entry("MS_SILENT", MountOptions.SILENT),
                Map.entry("MS_RELATIME", MountOptions.RELATIME),
                Map.entry("MS_I_VERSION", MountOptions.I_VERSION),
                Map.entry("MS_STRICTATIME", MountOptions.STRICTATIME),
                Map.entry("MS_LAZYTIME", MountOptions.LAZYTIME));
        flags.forEach((name, flag) -> {
            Matcher found = Pattern.compile("#define " + name + "\\s+(?:\\(1<<)?(\\d+)(\\))?")
                    .matcher(header);
            assertThat(found.find()).as(name).isTrue();
            int number = Integer.parseInt(found.group(1));
            assertThat(found.group(2) == null ? number : 1L << number).as(name).isEqualTo(flag);
        });
    }

    @Test
    void allElseIsForTheFilesystemInItsOrder() {
        assertThat(parse("rw,data=journal,noatime,commit=3600,nodev,subvol=/a b"))
                .isEqualTo(new MountOptions(
                        MountOptions.NOATIME | MountOptions.NODEV, "data=journal,commit=3600,subvol=/a b"));
        assertThat(parse("")).isEqualTo(new MountOptions(0, ""));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "ro,rw               | 0",
                "rw,ro               | 0x1",
                "noatime,relatime    | 0x200000",
                "noatime,strictatime | 0x1000000",
                "relatime,noatime    | 0x400",
                "noatime,atime       | 0",
                "noexec,exec,nodev   | 0x4",
                "sync,async          | 0",
                "lazytime,nolazytime | 0",
            })
    void ofTwoThatContradictEachOtherTheLastWins(String options, String flags) {
        assertThat(parse(options).flags()).isEqualTo(Long.decode(flags));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "loop",
                "loop=/dev/loop3",
                "offset=512",
                "user",
                "users",
                "defaults",
                "nofail",
                "x-systemd.automount",
                "X-mount.mkdir",
                "X-mount.idmap=0:0:1",
                "bind",
                "private",
                "context=system_u:object_r:x_t",
                "context=\"a:b:c0,c1\"",
                "verity.hashdevice=/dev/x",
                "helper=udisks2"
            })
    void whatTheProgramActsOnTakesTheProgram(String option) {
        assertThat(MountOptions.parse("rw,noatime," + option)).isEmpty();
    }
}
