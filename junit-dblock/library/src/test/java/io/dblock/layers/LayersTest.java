// SPDX-License-Identifier: Apache-2.0
package io.dblock.layers;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.dblock.internal.server.FakeServedDevice;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** What each package may know, and what a user sees of it. */
class LayersTest {
    private static final String INTERNAL = "io.dblock.internal.";

    /** From the bottom to the top: each package knows only those before it. */
    private static final List<String> LAYERS = List.of(
            "io.dblock.handler",
            "io.dblock.power",
            "io.dblock.fault",
            "io.dblock.journal",
            "io.dblock",
            INTERNAL + "kernel",
            INTERNAL + "module",
            INTERNAL + "store",
            INTERNAL + "journal",
            INTERNAL + "fault",
            INTERNAL + "watchdog",
            INTERNAL + "server",
            INTERNAL + "remote",
            INTERNAL + "files",
            INTERNAL + "device",
            INTERNAL + "crash",
            "io.dblock.crash",
            "io.dblock.assertj",
            "io.dblock.junit");

    private static final JavaClasses LIBRARY = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.dblock");

    private static List<String> upward(JavaClasses classes) {
        List<String> found = new ArrayList<>();
        for (JavaClass type : classes) {
            int layer = LAYERS.indexOf(type.getPackageName());
            type.getDirectDependenciesFromSelf().stream()
                    .filter(dependency -> LAYERS.indexOf(dependency
                                    .getTargetClass()
                                    .getBaseComponentType()
                                    .getPackageName())
                            > layer)
                    .forEach(dependency -> found.add(dependency.getDescription()));
        }
        return found;
    }

    /** The uses of a device as a whole by others than those who make it. */
    private static List<String> holdersOfLocalDevice(JavaClasses classes) {
        String device = INTERNAL + "server.LocalDevice";
        Set<String> makers = Set.of(device, INTERNAL + "server.LocalServer");
        List<String> found = new ArrayList<>();
        for (JavaClass type : classes) {
            String outermost = type.getName().replaceAll("\\$.*", "");
            type.getDirectDependenciesFromSelf().stream()
                    .filter(dependency -> !makers.contains(outermost)
                            && dependency
                                    .getTargetClass()
                                    .getBaseComponentType()
                                    .getName()
                                    .equals(device))
                    .forEach(dependency -> found.add(dependency.getDescription()));
        }
        return found;
    }

    private static Set<String> internalInSignatures(JavaClasses classes) {
        Set<String> found = new TreeSet<>();
        for (JavaClass type : classes) {
            if (!type.getPackageName().startsWith(INTERNAL) && isSeen(type)) {
                inSignatures(type, found);
            }
        }
        return found;
    }

    private static void inSignatures(JavaClass type, Set<String> found) {
        Set<JavaClass> named = new LinkedHashSet<>(type.getAllRawSuperclasses());
        named.addAll(type.getAllRawInterfaces());
        note(type.getFullName(), named, found);
        for (JavaCodeUnit unit : type.getCodeUnits()) {
            if (isSeen(unit.getModifiers())) {
                Set<JavaClass> types = new LinkedHashSet<>(unit.getAllInvolvedRawTypes());
                unit.getExceptionTypes().forEach(thrown -> types.add(thrown.toErasure()));
                note(unit.getFullName(), types, found);
            }
        }
        for (JavaField field : type.getFields()) {
            if (isSeen(field.getModifiers())) {
                note(field.getFullName(), field.getAllInvolvedRawTypes(), found);
            }
        }
    }

    private static void note(String where, Set<JavaClass> types, Set<String> found) {
        types.stream()
                .map(type -> type.getBaseComponentType().getName())
                .filter(name -> name.startsWith(INTERNAL))
                .forEach(name -> found.add(where + " names " + name));
    }

    private static boolean isSeen(JavaClass type) {
        return isSeen(type.getModifiers())
                && type.getEnclosingClass().map(LayersTest::isSeen).orElse(true);
    }

    private static boolean isSeen(Set<JavaModifier> modifiers) {
        return modifiers.contains(JavaModifier.PUBLIC) || modifiers.contains(JavaModifier.PROTECTED);
    }

    @Test
    void everyPackageIsALayer() {
        assertThat(LIBRARY.stream().map(JavaClass::getPackageName).distinct())
                .containsExactlyInAnyOrderElementsOf(LAYERS);
    }

    @Test
    void aPackageKnowsOnlyThoseBelowIt() {
        assertThat(upward(LIBRARY)).isEmpty();
    }

    @Test
    void noSignatureOfTheApiNamesAnInternalType() {
        assertThat(internalInSignatures(LIBRARY)).isEmpty();
    }

    /** It assembles its parts; none of them knows it. */
    @Test
    void onlyItsServerKnowsADeviceAsAWhole() {
        assertThat(holdersOfLocalDevice(LIBRARY)).isEmpty();
    }

    /** So that the three above are known to find something. */
    @Test
    void whatIsPlantedIsFoundWithItsLine() {
        JavaClasses planted = new ClassFileImporter().importClasses(io.dblock.handler.Planted.class);
        assertThat(upward(planted))
                .anyMatch(line -> line.matches(
                        ".*Planted\\.batch\\(.*io\\.dblock\\.internal\\.kernel\\.Batch.*\\(Planted\\.java:[0-9]+\\)"));
        assertThat(internalInSignatures(planted))
                .anyMatch(line -> line.matches(".*Planted\\.batch\\(.* names io\\.dblock\\.internal\\.kernel\\.Batch"));
        JavaClasses holder = new ClassFileImporter().importClasses(FakeServedDevice.class);
        assertThat(holdersOfLocalDevice(holder))
                .anyMatch(line -> line.matches(".*FakeServedDevice\\.device>.*\\(FakeServedDevice\\.java:[0-9]+\\)"));
    }

    @Test
    void everyPackageSaysWhatLivesInIt() {
        JavaPackage root = LIBRARY.getPackage("io.dblock");
        assertThat(root.getSubpackagesInTree())
                .filteredOn(found -> !found.getClasses().isEmpty())
                .isNotEmpty()
                .allSatisfy(found -> assertThat(Files.exists(
                                Path.of("src/main/java", found.getName().replace('.', '/'), "package-info.java")))
                        .as("package-info of %s", found.getName())
                        .isTrue());
    }
}
