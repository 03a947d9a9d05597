// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import io.dblock.BlockDevice;
import io.dblock.DeviceOption;
import io.dblock.Filesystem;
import io.dblock.LeakException;
import java.io.IOException;
import java.lang.reflect.AnnotatedElement;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;

/**
 * Makes each temporary directory of a test on a fresh device. With this line in {@code junit-platform.properties}, all
 * {@link TempDir @TempDir} directories of an existing suite are on devices, and its code does not change:
 *
 * <pre>{@code
 * junit.jupiter.tempdir.factory.default = io.dblock.junit.DblockTempDirFactory
 * }</pre>
 *
 * <p>For a single directory: {@code @TempDir(factory = DblockTempDirFactory.class)}.
 *
 * <p>Each directory has a device of its own, which is formatted, mounted, and torn down at the end of the directory's
 * scope. What still uses it then, such as an open file, fails the test with a {@link LeakException}. The directory is
 * empty, and is itself in the root of the filesystem.
 *
 * <p>The {@linkplain DblockParameters configuration parameters} are the options of the device. Some are different here:
 *
 * <ul>
 *   <li>the filesystem is ext4 if {@value DblockParameters#FILESYSTEM} is not set, and cannot be {@code none};
 *   <li>the size is 1 GiB if {@value DblockParameters#SIZE} is not set;
 *   <li>{@link TempDir#cleanup()} and {@value TempDir#DEFAULT_CLEANUP_MODE_PROPERTY_NAME} decide when the device is
 *       cleaned up, and not {@value DblockParameters#CLEANUP}. A device that is kept stays until the end of the test run.
 *       With {@code ON_SUCCESS}, the device of a static field is kept only if the class itself fails, as in
 *       {@code @BeforeAll};
 *   <li>{@value DblockParameters#UNAVAILABLE} has no effect: where no device can be made, the test fails. JUnit takes
 *       every exception of a factory for a failure.
 * </ul>
 *
 * <p>JUnit calls this class. It has no state, so it is safe for use by several threads.
 */
public final class DblockTempDirFactory implements TempDirFactory {
    private static final long SIZE = 1L << 30;

    /** For JUnit. */
    public DblockTempDirFactory() {}

    /**
     * Makes a device and a directory on it. For JUnit.
     *
     * @throws ExtensionConfigurationException if the device cannot be made or mounted
     * @throws io.dblock.ModuleUnavailableException if the kernel module is not available
     * @throws IOException if the directory cannot be created
     */
    @Override
    public Path createTempDirectory(AnnotatedElementContext elementContext, ExtensionContext extensionContext)
            throws IOException {
        AnnotatedElement element = elementContext.getAnnotatedElement();
        Declaration declaration = Declaration.of("@TempDir", element);
        BlockDevice device = Devices.make(settings(elementContext, extensionContext), declaration, extensionContext)
                .device();
        if (device.spec().filesystem() == Filesystem.NONE) {
            throw new ExtensionConfigurationException("Configuration parameter " + DblockParameters.FILESYSTEM
                    + " is \"none\", and " + declaration
                    + " needs a filesystem. Allowed: ext4, xfs, btrfs; ext4 if it is left out.");
        }
        return Files.createTempDirectory(device.mount(), "junit-");
    }

    private static DeviceSettings settings(AnnotatedElementContext element, ExtensionContext context) {
        DeviceSettings settings = new DeviceSettings();
        settings.set(TestOption.CLEANUP, cleanup(element, context));
        settings.set(TestOption.UNAVAILABLE, WhenUnavailable.FAIL);
        if (said(DblockParameters.FILESYSTEM, context).isEmpty()) {
            settings.set(DeviceOption.FILESYSTEM, Filesystem.EXT4);
        }
        if (said(DblockParameters.SIZE, context).isEmpty()
                && said(DblockParameters.IMAGE, context).isEmpty()) {
            settings.set(DeviceOption.SIZE, SIZE);
        }
        return settings;
    }

    /** Returns the mode by which JUnit removes the directory. */
    private static CleanupMode cleanup(AnnotatedElementContext element, ExtensionContext context) {
        return element.findAnnotation(TempDir.class)
                .map(TempDir::cleanup)
                .filter(mode -> mode != CleanupMode.DEFAULT)
                .or(() -> said(TempDir.DEFAULT_CLEANUP_MODE_PROPERTY_NAME, context)
                        .map(mode -> CleanupMode.valueOf(mode.toUpperCase(Locale.ROOT))))
                .orElse(CleanupMode.ALWAYS);
    }

    private static Optional<String> said(String parameter, ExtensionContext context) {
        return context.getConfigurationParameter(parameter).map(String::strip).filter(text -> !text.isEmpty());
    }
}
