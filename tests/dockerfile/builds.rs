//! What is built, published and run.

use crate::{
    lab::{docker, drill, engines, podman, project, write_dockerfile},
    support::{Canship, Project, Services, project::Plan},
};

#[test]
fn the_image_of_a_dockerfile_is_published_and_what_comes_back_is_run() {
    for engine in engines() {
        let plan = Plan {
            dockerfile: Some("{ file: Dockerfile, target: release, args: { GREETING: hello there } }".to_owned()),
            smoke: vec!["test \"$(cat /greeting)\" = 'hello there'".to_owned(), "sh /tool.sh".to_owned()],
            ..engine.plan()
        };
        let project = Project::new(&plan);
        let image = Services::get().image;
        write_dockerfile(
            &project,
            &format!(
                "FROM {image} AS build\nARG GREETING\nRUN echo \"$GREETING\" > /greeting\n\
                 FROM {image} AS release\nCOPY --from=build /greeting /greeting\nCOPY tool.sh /\n\
                 FROM release\nRUN exit 1\n"
            ),
        );
        let ran = drill(&project).ends(0, "can-ship");
        assert_eq!(ran.json["image"]["builder"], engine.builder, "{engine:?}");
        assert_eq!(ran.json["steps"][0]["number"], 0);
        let command = ran.json["steps"][0]["command"].as_str().unwrap();
        assert!(command.starts_with(engine.client), "as a person builds there: {command}");
        let arguments = "build -f Dockerfile --target release --build-arg 'GREETING=hello there' .";
        assert!(command.ends_with(arguments), "{command}");
        assert_eq!(ran.json["published"][0]["pulled_digest"], ran.json["published"][0]["pushed_digest"]);
        assert!(ran.log.contains("tool 1.2.3"), "the smoke step printed it");
        assert_eq!(ran.json["leftovers"].as_array().unwrap().len(), 0, "{}", ran.stdout);
        engine.has_nothing_of(&ran.drill());
    }
}

#[test]
fn the_same_dockerfile_gives_the_same_digest() {
    for engine in engines() {
        let project = project(&engine.plan(), "COPY tool.sh /\nENV A=b\nENTRYPOINT [\"/bin/sh\", \"/tool.sh\"]");
        let digest = || drill(&project).ends(0, "can-ship").json["published"][0]["digest"].clone();
        assert_eq!(digest(), digest(), "{engine:?}");
    }
}

#[test]
fn a_room_is_made_from_the_image_of_a_dockerfile_if_there_are_steps() {
    for engine in engines() {
        let plan = Plan {
            run: vec!["mkdir dist && make-tool > dist/tool && chmod +x dist/tool".to_owned()],
            artifacts: vec!["dist/tool".to_owned()],
            smoke: vec!["./tool".to_owned()],
            ..engine.plan()
        };
        let project = project(&plan, "RUN printf '#!/bin/sh\\ncat tool.sh\\n' > /bin/make-tool && chmod 755 /bin/make-tool");
        let ran = drill(&project).ends(0, "can-ship");
        assert_eq!(ran.json["artifacts"][0]["path"], "tool", "{}", ran.stdout);
        let numbers: Vec<_> = ran.json["steps"].as_array().unwrap().iter().map(|step| step["number"].clone()).collect();
        assert_eq!(numbers, [0, 1, 1], "the image, the build, the smoke");
        engine.has_nothing_of(&ran.drill());
    }
}

#[test]
fn an_instruction_that_fails_is_named_with_its_exit_code_and_nothing_is_left() {
    for engine in engines() {
        let project = project(&engine.plan(), "COPY tool.sh /\nRUN echo so far; exit 3");
        let ran = drill(&project).ends(10, "cannot-ship");
        assert_eq!(ran.rules()[0], "build-step-failed");
        let finding = &ran.json["findings"][0];
        assert!(finding["summary"].as_str().unwrap().contains("exit code 3"), "{finding}");
        let evidence = finding["evidence"].to_string();
        assert!(evidence.contains("so far") && evidence.contains("exit 3"), "{evidence}");
        assert_eq!((ran.phase("publish"), ran.phase("smoke")), ("skipped", "skipped"));
        engine.has_nothing_of(&ran.drill());
    }
}

#[test]
fn what_dockerignore_leaves_out_is_not_part_of_the_context() {
    for engine in engines() {
        let text = "COPY . /context\nRUN cd /context && test -e tool.sh && test -e docs/keep.md && test ! -e docs/notes.md \
                    && test ! -e .git && test ! -e deep/er/junk.tmp\nCOPY tool.sh /";
        let project = project(&engine.plan(), text);
        for file in ["docs/keep.md", "docs/notes.md", "deep/er/junk.tmp"] {
            project.write(file, "x");
        }
        project.write(".dockerignore", "# not these\n.git\n*/*.md\n!docs/keep.md\n**/*.tmp\n");
        project.commit("Add files");
        project.git(&["push", "-q", "origin", "main"]);
        let _can_ship = drill(&project).ends(0, "can-ship");
    }
}

#[test]
fn a_dockerfile_that_is_not_in_the_commit_is_named() {
    let plan = Plan { dockerfile: Some("deploy/Dockerfile".to_owned()), ..docker().plan() };
    let ran = drill(&project(&plan, "COPY tool.sh /")).ends(10, "cannot-ship");
    assert_eq!(ran.rules()[0], "build-step-failed");
    assert!(ran.stdout.contains("`deploy/Dockerfile` is not in the commit"), "{}", ran.stdout);
}

#[test]
fn a_base_that_cannot_be_had_is_told_from_a_step_that_fails() {
    for engine in engines() {
        let project = Project::new(&engine.plan());
        write_dockerfile(&project, "FROM 127.0.0.1:1/acme/nothing:1\nCOPY tool.sh /\n");
        let ran = drill(&project).ends(10, "cannot-ship");
        assert_eq!(ran.rules()[0], "image-missing", "{engine:?}: {}", ran.stdout);
    }
}

#[test]
fn a_smoke_step_that_fails_on_what_came_back_is_a_finding() {
    for engine in engines() {
        let plan = Plan { smoke: vec!["sh /tool.sh && exit 4".to_owned()], ..engine.plan() };
        let ran = drill(&project(&plan, "COPY tool.sh /")).ends(10, "cannot-ship");
        assert_eq!((ran.rules()[0], ran.phase("publish")), ("smoke-failed", "passed"), "{}", ran.stdout);
        engine.has_nothing_of(&ran.drill());
    }
}

#[test]
fn a_host_cannot_build_an_image_and_says_so_before_anything_is_done() {
    let plan = Plan { spare: "{ name: by-hand, host: {} }".to_owned(), ..docker().plan() };
    let ran = Canship::drill(&project(&plan, "COPY tool.sh /")).run_as_is();
    assert_eq!(ran.code, Some(20));
    assert!(ran.stderr.contains("has nothing to build an image with"), "{}", ran.stderr);
}

#[test]
fn images_of_the_user_stay_as_they_are() {
    let (engine, image) = (podman(), Services::get().image);
    let before = engine.id(&image);
    let _can_ship = drill(&project(&engine.plan(), "COPY tool.sh /")).ends(0, "can-ship");
    assert_eq!(engine.id(&image), before);
}

#[test]
fn a_comparison_that_an_image_does_not_get_is_no_yes() {
    let more = "primary:\n  artifacts:\n    - { image: \"127.0.0.1:9/acme/tool:v{version}\" }\n".to_owned();
    let project = project(&Plan { more, ..docker().plan() }, "COPY tool.sh /");
    let ran = drill(&project).ends(11, "degraded");
    assert!(ran.stdout.contains("release-not-compared") && ran.stdout.contains("not the image of a Dockerfile"), "{}", ran.stdout);
}

#[test]
fn an_image_is_built_twice_and_what_differs_in_it_is_named() {
    for engine in engines() {
        for (instruction, code, verdict, words) in [
            ("COPY tool.sh /", 0, "can-ship", "\"result\":\"same\""),
            ("COPY tool.sh /\nRUN cat /proc/sys/kernel/random/uuid > /stamp", 11, "degraded", "`stamp`"),
        ] {
            let project = project(&engine.plan(), instruction);
            let ran = Canship::drill(&project).argument("--twice").run().ends(code, verdict);
            assert!(ran.json.to_string().contains(words), "{engine:?}: {}", ran.json);
            engine.has_nothing_of(&ran.drill());
        }
    }
}
