using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TokenOperator.TestBed;

namespace TokenOperator.EndToEndTests;

/// <summary>charts/token-operator, rendered by a real Helm and compared with config/.</summary>
public sealed class ChartTests(ChartFixture fixture) : IClassFixture<ChartFixture>
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Values that make the chart create a kind of object, and what config/ has of it. What a later folder has replaces that of an earlier one.</summary>
    public static TheoryData<string, string> Installations => new()
    {
        { "", "default+selectable-fields" },
        { "--kube-version 1.30.14", "default" },
        { "--kube-version v1.31.0-gke.1", "default+selectable-fields" },
        { "--set namespaces={mail}", "namespaced+selectable-fields" },
        { "--api-versions security.openshift.io/v1", "openshift+selectable-fields" },
        { "--set platformAssignsIds=true", "openshift+selectable-fields" },
        { "--api-versions admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy", "default+selectable-fields+validation" },
        { "--set metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,dashboard.enabled=true", "default+selectable-fields+monitoring" },
    };

    [Theory]
    [MemberData(nameof(Installations))]
    public async Task The_chart_creates_the_objects_of_config(string arguments, string folders)
    {
        var rendered = ByName(await fixture.RenderAsync(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        var built = new Dictionary<string, string>();
        foreach (var folder in folders.Split('+'))
        {
            foreach (var (name, content) in ByName(await fixture.BuildAsync(folder)))
                built[name] = content;
        }

        // Helm needs the namespace before it installs anything.
        built.Remove("v1 Namespace /token-operator-system").Should().BeTrue();
        rendered.Keys.Should().BeEquivalentTo(built.Keys);
        foreach (var (name, content) in built)
            rendered[name].Should().Be(content, name);
    }

    [Fact]
    public async Task The_chart_creates_the_PodMonitor_of_config()
    {
        var rendered = ByName(await fixture.RenderAsync("--set", "metrics.podMonitor.enabled=true"));
        var monitor = YamlStream.Parse(await File.ReadAllTextAsync(Repository.File("config/monitoring/podmonitor.yaml"))).Single();
        // The labels of config/common, which no kustomization adds to this file.
        var common = YamlStream.Parse(await File.ReadAllTextAsync(Repository.File("config/common/kustomization.yaml"))).Single()["labels"]![0]!["pairs"]!;
        foreach (var (label, value) in common.AsObject())
            monitor["metadata"]!["labels"]![label] = value!.DeepClone();

        rendered.Should().Contain(ByName([monitor]));
    }

    [Theory]
    [InlineData("default")]
    [InlineData("namespaced")]
    [InlineData("monitoring")]
    [InlineData("validation")]
    public async Task Every_object_has_the_labels_that_Kubernetes_recommends(string folder)
    {
        string[] names = ["name", "instance", "version", "component", "part-of", "managed-by"];
        var objects = await fixture.BuildAsync(folder);
        objects.Should().HaveCountGreaterThan(1);
        foreach (var one in objects)
            one["metadata"]!["labels"]!.AsObject().Select(label => label.Key).Should().Contain(names.Select(name => $"app.kubernetes.io/{name}"), NameOf(one));
    }

    /// <summary>A value, another content for it, and what it needs to matter.</summary>
    public static TheoryData<string, string, string> Effects => new()
    {
        { "nameOverride", "\"tokens\"", "" },
        { "fullnameOverride", "\"tokens\"", "" },
        { "commonLabels", """{"team": "mail"}""", "" },
        { "replicaCount", "3", "" },
        { "image.repository", "\"registry.example.com/token-operator\"", "" },
        { "image.tag", "\"1.2.3\"", "" },
        { "image.digest", "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"", "" },
        { "image.pullPolicy", "\"Always\"", "" },
        { "imagePullSecrets", """[{"name": "registry"}]""", "" },
        { "postgres.existingSecret", "\"app-db\"", "" },
        { "postgres.key", "\"url\"", "" },
        { "postgres.ca.existingSecret", "\"db-ca\"", "" },
        { "postgres.ca.existingConfigMap", "\"rds-ca\"", "" },
        { "postgres.ca.key", "\"root.crt\"", "postgres.ca.existingSecret=db-ca" },
        { "encryption.existingSecret", "\"keys\"", "" },
        { "namespaces", """["mail"]""", "" },
        { "providers", """{"acme": {"tokenEndpoint": "https://idp.acme.example/token"}}""", "" },
        { "selfService.publicUrl", "\"https://tokens.example.com\"", "" },
        { "selfService.port", "9000", "selfService.publicUrl=https://tokens.example.com" },
        { "selfService.linkLifetime", "\"2h\"", "selfService.publicUrl=https://tokens.example.com" },
        { "selfService.ingress.enabled", "true", "selfService.publicUrl=https://tokens.example.com" },
        { "selfService.ingress.className", "\"nginx\"", Ingress },
        { "selfService.ingress.annotations", """{"cert-manager.io/cluster-issuer": "acme"}""", Ingress },
        { "selfService.ingress.tlsSecret", "\"tokens-tls\"", Ingress },
        { "settings", """{"Concurrency": 4}""", "" },
        { "caBundle.pem", "\"-----BEGIN CERTIFICATE-----\"", "" },
        { "caBundle.configMap", "\"corporate-ca\"", "" },
        { "proxy.https", "\"http://proxy.example.com:3128\"", "" },
        { "proxy.http", "\"http://proxy.example.com:3128\"", "" },
        { "proxy.noProxy", "\"10.96.0.0/12\"", "" },
        { "proxy.existingSecret", "\"proxy\"", "" },
        { "proxy.ports", "[3128]", "" },
        { "crds.install", "false", "" },
        { "crds.keep", "false", "" },
        { "validation.enabled", "true", "" },
        { "rbac.create", "false", "" },
        { "serviceAccount.create", "false", "" },
        { "serviceAccount.name", "\"tokens\"", "" },
        { "serviceAccount.annotations", """{"iam.gke.io/gcp-service-account": "tokens@example.iam.gserviceaccount.com"}""", "" },
        { "podLabels", """{"team": "mail"}""", "" },
        { "podAnnotations", """{"note": "mail"}""", "" },
        { "podSecurityContext", """{"runAsUser": 2000}""", "" },
        { "securityContext", """{"runAsUser": 2000}""", "" },
        { "platformAssignsIds", "true", "" },
        { "resources", """{"limits": {"memory": "512Mi"}}""", "" },
        { "nodeSelector", """{"pool": "system"}""", "" },
        { "tolerations", """[{"operator": "Exists"}]""", "" },
        { "affinity", """{"nodeAffinity": {}}""", "" },
        { "topologySpreadConstraints", "[]", "" },
        { "priorityClassName", "\"system-cluster-critical\"", "" },
        { "terminationGracePeriodSeconds", "60", "" },
        { "podDisruptionBudget.enabled", "false", "" },
        { "podDisruptionBudget.maxUnavailable", "\"50%\"", "" },
        { "podDisruptionBudget.minAvailable", "1", "" },
        { "networkPolicy.enabled", "false", "" },
        { "networkPolicy.ingress", """[{"ports": [{"port": 9000}]}]""", "" },
        { "networkPolicy.egress", """[{"ports": [{"port": 6432}]}]""", "" },
        { "metrics.secure.enabled", "true", "metrics.serviceMonitor.enabled=true" },
        { "metrics.secure.port", "9443", "metrics.secure.enabled=true" },
        { "metrics.secure.certificateSecret", "\"metrics-tls\"", "metrics.secure.enabled=true,metrics.serviceMonitor.enabled=true" },
        { "metrics.serviceMonitor.enabled", "true", "" },
        { "metrics.serviceMonitor.labels", """{"release": "prometheus"}""", "metrics.serviceMonitor.enabled=true" },
        { "metrics.serviceMonitor.interval", "\"15s\"", "metrics.serviceMonitor.enabled=true" },
        { "metrics.podMonitor.enabled", "true", "" },
        { "metrics.podMonitor.labels", """{"release": "prometheus"}""", "metrics.podMonitor.enabled=true" },
        { "metrics.podMonitor.interval", "\"15s\"", "metrics.podMonitor.enabled=true" },
        { "metrics.prometheusRule.enabled", "true", "" },
        { "metrics.prometheusRule.labels", """{"release": "prometheus"}""", "metrics.prometheusRule.enabled=true" },
        { "metrics.prometheusRule.documentation", "\"https://docs.example.com/tokens\"", "metrics.prometheusRule.enabled=true" },
        { "dashboard.enabled", "true", "" },
        { "dashboard.labels", """{"dashboards": "yes"}""", "dashboard.enabled=true" },
        { "dashboard.annotations", """{"folder": "Tokens"}""", "dashboard.enabled=true" },
        { "extraEnv", """[{"name": "TZ", "value": "UTC"}]""", "" },
        { "extraEnvFrom", """[{"secretRef": {"name": "more"}}]""", "" },
        { "extraVolumes", """[{"name": "more", "emptyDir": {}}]""", "" },
        { "extraVolumeMounts", """[{"name": "more", "mountPath": "/more"}]""", "" },
        { "extraContainers", """[{"name": "cloud-sql-proxy", "image": "proxy"}]""", "" },
        { "extraInitContainers", """[{"name": "wait", "image": "wait"}]""", "" },
        { "extraObjects", """[{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-more"}}]""", "" },
    };

    private const string Ingress = "selfService.publicUrl=https://tokens.example.com,selfService.ingress.enabled=true";

    [Theory]
    [MemberData(nameof(Effects))]
    public async Task Each_value_changes_what_is_installed(string value, string other, string needs)
    {
        string[] first = needs.Length == 0 ? [] : ["--set", needs];
        var without = await fixture.Helm.RenderAsync(first);
        var with = await fixture.Helm.RenderAsync([.. first, "--set-json", $"{value}={other}"]);

        with.Should().NotBe(without);
        YamlStream.Parse(with).Should().OnlyContain(one => one["metadata"]!["name"] != null);
    }

    [Theory]
    [InlineData("0.5", "0.5")]
    [InlineData("2.5", "2.5")]
    [InlineData("0.01", "0.01")]
    [InlineData("1234567.5", "1234567.5")]
    [InlineData("4", "4")]
    [InlineData("2.0", "2")]
    [InlineData("10000000", "10000000")]
    [InlineData("true", "true")]
    [InlineData("\"1e3\"", "1e3")]
    public async Task A_setting_reaches_the_operator_as_it_is_written(string written, string read)
    {
        var values = Path.Combine(fixture.NewFolder(), "values.yaml");
        await File.WriteAllTextAsync(values, $"settings:\n  Providers__google__RequestsPerSecond: {written}\n");

        foreach (var arguments in new[] { ["--values", values], new[] { "--set-json", $"settings.Providers__google__RequestsPerSecond={written}" } })
        {
            VariablesOf(await fixture.RenderAsync(arguments)).Single(variable => variable.Name == "Providers__google__RequestsPerSecond").Value.Should().Be(read, arguments[0]);
        }
    }

    [Fact]
    public void Every_value_of_the_chart_is_tested() =>
        Effects.Select(row => (string)((object[])row)[0]).Append("encryption.create").Should().BeEquivalentTo(ChartValue.ReadAll().Select(value => value.Path));

    [Theory]
    [InlineData("image.tagg=1", "/image")]
    [InlineData("namespaces={Mail}", "/namespaces/0")]
    [InlineData("settings.DATABASE_URL=postgresql://tokens:secret@db/tokens", "DATABASE_URL")]
    [InlineData("proxy.https=http://user:secret@proxy.example.com", "/proxy/https")]
    [InlineData("terminationGracePeriodSeconds=10", "/terminationGracePeriodSeconds")]
    [InlineData("selfService.publicUrl=http://tokens.example.com", "/selfService/publicUrl")]
    [InlineData("settings.Namespaces=mail,namespaces={mail}", "settings.Namespaces is also set by another value")]
    [InlineData("encryption.create=true", "encryption.create needs a cluster")]
    [InlineData("metrics.secure.enabled=true,metrics.podMonitor.enabled=true", "use metrics.serviceMonitor")]
    [InlineData("selfService.ingress.enabled=true", "selfService.ingress needs selfService.publicUrl")]
    [InlineData("metrics.prometheusRule.documentation=docs", "/metrics/prometheusRule/documentation")]
    [InlineData("fullnameOverride=a.b", "/fullnameOverride")]
    [InlineData("nameOverride=a.b", "/nameOverride")]
    [InlineData("proxy.ports={70000}", "/proxy/ports/0")]
    [InlineData("settings.Concurrency=4,extraEnv[0].name=Concurrency,extraEnv[0].value=5", "extraEnv has Concurrency, which extraEnv or another value of the chart also sets")]
    [InlineData("proxy.https=http://proxy.example.com,extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://other.example.com", "extraEnv has HTTPS_PROXY, which")]
    [InlineData("extraEnv[0].name=TZ,extraEnv[0].value=UTC,extraEnv[1].name=TZ,extraEnv[1].value=CET", "extraEnv has TZ, which")]
    public async Task A_value_that_cannot_be_meant_is_refused(string value, string problem)
    {
        var result = await fixture.Helm.TryRunAsync(["template", "token-operator", Helm.Chart, "--set", value]);
        result.ExitCode.Should().NotBe(0);
        result.Errors.Should().Contain(problem);
    }

    [Fact]
    public async Task Every_alert_links_to_the_address_of_the_documentation_that_is_set()
    {
        const string Address = "https://docs.example.com/tokens";
        var config = fixture.NewFolder();
        foreach (var folder in (string[])["monitoring", "common"])
        {
            foreach (var file in Directory.GetFiles(Repository.File($"config/{folder}")))
            {
                Directory.CreateDirectory(Path.Combine(config, folder));
                File.Copy(file, Path.Combine(config, folder, Path.GetFileName(file)));
            }
        }

        var setting = Path.Combine(config, "monitoring", "documentation.yaml");
        await File.WriteAllTextAsync(setting, Regex.Replace(await File.ReadAllTextAsync(setting), "(?<=  address: ).+", Address));
        var built = YamlStream.Parse(await fixture.Plane.Kubectl.RunAsync(["kustomize", Path.Combine(config, "monitoring")]));
        var rendered = await fixture.RenderAsync("--set", $"metrics.prometheusRule.enabled=true,metrics.prometheusRule.documentation={Address}");

        foreach (var objects in (IReadOnlyList<JsonObject>[])[built, rendered])
        {
            var rules = objects.Single(one => (string)one["kind"]! == "PrometheusRule")["spec"]!["groups"]!.AsArray().SelectMany(group => group!["rules"]!.AsArray()).ToList();
            rules.Should().HaveCountGreaterThan(10);
            foreach (var rule in rules)
                ((string?)rule!["annotations"]!["runbook_url"]).Should().Be($"{Address}/runbooks/{rule["alert"]}.md");
        }

        built.Should().NotContain(one => (string)one["metadata"]!["name"]! == "documentation", "it is only for kustomize");
    }

    [Theory]
    [InlineData("proxy.https=http://proxy.example.com:3128", 3128)]
    [InlineData("proxy.http=http://proxy.example.com:3128/", 3128)]
    [InlineData("proxy.http=http://proxy.example.com", 80)]
    [InlineData("settings.HTTPS_PROXY=http://proxy.example.com:3128", 3128)]
    [InlineData("settings.HTTP_PROXY=http://[2001:db8::1]:3128", 3128)]
    [InlineData("settings.ALL_PROXY=socks5://proxy.example.com", 1080)]
    [InlineData("extraEnv[0].name=HTTPS_PROXY,extraEnv[0].value=http://$(PROXY_HOST):3128", 3128)]
    [InlineData("proxy.existingSecret=proxy,proxy.ports={3128}", 3128)]
    public async Task The_port_of_a_proxy_is_reachable(string values, int port)
    {
        (await PortsOfPolicyAsync()).Should().NotContain(port);
        (await PortsOfPolicyAsync("--set", values)).Should().Contain(port).And.OnlyHaveUniqueItems();
    }

    [Theory]
    [InlineData("proxy.existingSecret=proxy", true)]
    [InlineData("proxy.existingSecret=proxy,proxy.ports={3128}", false)]
    [InlineData("proxy.existingSecret=proxy,networkPolicy.enabled=false", false)]
    [InlineData("proxy.https=http://proxy.example.com:3128", false)]
    public async Task An_installation_says_that_it_does_not_know_the_port_of_a_proxy_in_a_Secret(string values, bool isSaid)
    {
        var notes = await fixture.Helm.RunAsync(["install", "token-operator", Helm.Chart, "--dry-run=client", "--set", values]);
        notes.Contains("does not know the port of the proxy in the Secret proxy.", StringComparison.Ordinal).Should().Be(isSaid);
    }

    /// <summary>helm upgrade --reuse-values takes the values of the earlier chart, which has no default for what came later.</summary>
    [EarlierReleaseTheory]
    [MemberData(nameof(EarlierRelease.Versions), MemberType = typeof(EarlierRelease))]
    public async Task A_value_that_an_earlier_release_does_not_have_counts_as_its_default_while_it_is_absent(string version)
    {
        var commit = EarlierRelease.All.Single(release => release.Version == version).Commit;
        var shown = await Command.RunAsync("git", ["-C", Repository.Root, "show", $"{commit}:charts/token-operator/values.yaml"]);
        var earlier = ChartValue.Parse(shown.Output).Select(value => value.Path).ToList();
        earlier.Should().HaveCountGreaterThan(60, shown.Errors);
        // With a group that is new as a whole, the group is absent.
        bool IsKnown(string path) => earlier.Exists(known => known == path || known.StartsWith(path + ".", StringComparison.Ordinal));
        var later = ChartValue.ReadAll().Select(value => value.Path).Except(earlier).ToList();
        var absent = later.Select(path => path.Split('.')).Select(parts => Enumerable.Range(1, parts.Length).Select(count => string.Join('.', parts.Take(count))).First(path => !IsKnown(path))).Distinct();

        foreach (var needs in Effects.Select(row => (object[])row).Where(row => later.Contains((string)row[0])).Select(row => (string)row[2]).Distinct())
        {
            string[] first = needs.Length == 0 ? [] : ["--set", needs];
            var rendered = await fixture.Helm.RenderAsync([.. first, .. absent.SelectMany(path => new[] { "--set", $"{path}=null" })]);
            rendered.Should().Be(await fixture.Helm.RenderAsync(first), needs);
        }
    }

    /// <summary>Kubernetes refuses a container with the same name twice.</summary>
    [Theory]
    [InlineData("settings")]
    [InlineData("extraEnv")]
    public async Task A_variable_that_a_user_names_replaces_the_one_that_the_chart_sets_itself(string value)
    {
        string[] arguments = ["--set", "fullnameOverride=second,postgres.ca.existingSecret=db-ca"];
        var names = VariablesOf(await fixture.RenderAsync(arguments)).Select(variable => variable.Name).ToList();
        names.Should().HaveCountGreaterThan(6).And.OnlyHaveUniqueItems().And.Contain("Encryption__KeyringPath");
        JsonNode named = value == "settings"
            ? new JsonObject(names.Select(name => KeyValuePair.Create(name, (JsonNode?)"mine")))
            : new JsonArray([.. names.Select(name => new JsonObject { ["name"] = name, ["value"] = "mine" })]);

        VariablesOf(await fixture.RenderAsync([.. arguments, "--set-json", $"{value}={named.ToJsonString()}"]))
            .Should().BeEquivalentTo(names.Select(name => (name, "mine")));
    }

    [Fact]
    public async Task Text_that_looks_like_a_number_stays_text()
    {
        var number = 770_000;
        var (release, ns, served) = ($"{++number}", $"{++number}", $"{++number}");
        var schema = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(Helm.Chart, "values.schema.json")))!;
        var texts = TextsOf(schema, "", release).ToDictionary(path => path, _ => $"{++number}");
        texts.Should().HaveCountGreaterThan(15).And.ContainKeys("postgres.existingSecret", "proxy.existingSecret", "image.tag");
        var all = texts.Values.Concat([release, ns, served]).ToHashSet();
        string[] installations =
        [
            "metrics.secure.enabled=true,metrics.serviceMonitor.enabled=true,dashboard.enabled=true,selfService.publicUrl=https://tokens.example.com,selfService.ingress.enabled=true",
            "metrics.podMonitor.enabled=true,postgres.ca.existingSecret=,serviceAccount.create=false,caBundle.pem=-----BEGIN CERTIFICATE-----",
        ];

        var scalars = new List<JsonValue>();
        foreach (var installation in installations)
        {
            // The name of a Service cannot start with a digit.
            var rendered = await fixture.Helm.RunAsync(["template", release, Helm.Chart, "--namespace", ns, "--set", "fullnameOverride=tokens",
                .. texts.Where(text => !installation.Contains($"{text.Key}=", StringComparison.Ordinal)).SelectMany(text => new[] { "--set-string", $"{text.Key}={text.Value}" }), "--set-string", $"namespaces={{{served}}}", "--set", installation]);
            scalars.AddRange(YamlStream.Parse(rendered).SelectMany(ScalarsOf));
        }

        scalars.Where(scalar => scalar.GetValueKind() == JsonValueKind.Number && all.Contains(scalar.ToString())).Select(scalar => scalar.GetPath()).Should().BeEmpty();
        all.Where(text => !scalars.Exists(scalar => scalar.ToString().Contains(text, StringComparison.Ordinal)))
            .Should().BeEquivalentTo([texts["nameOverride"]], "fullnameOverride replaces it");
    }

    [Theory]
    [InlineData("2024", "", false)]
    [InlineData("mail.tokens", "", false)]
    [InlineData("2024", "fullnameOverride=tokens", true)]
    [InlineData("mail", "nameOverride=tokens", true)]
    [InlineData("2024", "nameOverride=tokens", false)]
    public async Task A_name_that_a_Service_cannot_have_is_refused(string release, string values, bool isAccepted)
    {
        var result = await fixture.Helm.TryRunAsync(["template", release, Helm.Chart, "--set", values]);
        (result.ExitCode == 0).Should().Be(isAccepted, result.Errors);
        if (!isAccepted)
            result.Errors.Should().Contain($"the full name is \"{release}-").And.Contain("set fullnameOverride");
    }

    /// <summary>A policy that demands IDs of the range that the platform assigns, as OpenShift's security context constraints do.</summary>
    [Theory]
    [InlineData("", false)]
    [InlineData("--api-versions security.openshift.io/v1", true)]
    [InlineData("--set platformAssignsIds=true", true)]
    [InlineData("--set podSecurityContext.runAsUser=1000680001,podSecurityContext.runAsGroup=1000680001,podSecurityContext.fsGroup=1000680001", true)]
    public async Task A_platform_that_assigns_IDs_accepts_pods_that_name_none(string arguments, bool isAccepted)
    {
        var deployment = DeploymentOf(await fixture.RenderAsync(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        var policy = new AdmissionPolicy("tests/TokenOperator.EndToEndTests/Policies/assigned-ids.yaml");
        var failures = (await policy.EvaluateAsync([new JsonObject { ["object"] = deployment }])).Single();
        (failures.Count == 0).Should().Be(isAccepted, string.Join(", ", failures));
    }

    [Fact]
    public async Task Two_releases_in_one_namespace_do_not_take_each_others_objects_or_pods()
    {
        string[] everything =
        [
            "--api-versions", "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy",
            "--set", "metrics.secure.enabled=true,metrics.serviceMonitor.enabled=true,metrics.prometheusRule.enabled=true,dashboard.enabled=true",
            "--set", $"{Ingress},providers.acme.tokenEndpoint=https://idp.acme.example/token",
        ];
        var other = YamlStream.Parse(await fixture.Helm.RunAsync(["template", "second", Helm.Chart, "--namespace", "token-operator-system", .. everything, "--set", "crds.install=false,namespaces={mail}"]));
        var first = await fixture.RenderAsync(everything);
        var pods = DeploymentOf(other)["spec"]!["template"]!;

        other.Select(NameOf).Should().NotIntersectWith(first.Select(NameOf));
        VariablesOf(other).Should().Contain(("LeaderElection__LeaseName", "second-token-operator"));
        foreach (var selector in new[] { DeploymentOf(first)["spec"]!["selector"]!["matchLabels"]!, first.Single(one => (string)one["kind"]! == "Service")["spec"]!["selector"]! })
            selector.AsObject().Should().Contain(label => (string?)pods["metadata"]!["labels"]![label.Key] != (string)label.Value!);
    }

    [Fact]
    public async Task Helm_has_nothing_to_say_about_the_chart()
    {
        var output = await fixture.Helm.RunAsync(["lint", "--strict", Helm.Chart]);
        output.Should().Contain("0 chart(s) failed").And.NotContain("WARNING");
    }

    private static JsonObject DeploymentOf(IEnumerable<JsonObject> objects) => objects.Single(one => (string)one["kind"]! == "Deployment");

    /// <summary>The variables of the operator's container that have a value.</summary>
    private static IReadOnlyList<(string Name, string Value)> VariablesOf(IEnumerable<JsonObject> objects) =>
        [.. DeploymentOf(objects)["spec"]!["template"]!["spec"]!["containers"]![0]!["env"]!.AsArray().Select(variable => ((string)variable!["name"]!, (string)variable["value"]!))];

    private async Task<IReadOnlyList<int>> PortsOfPolicyAsync(params string[] arguments) =>
        [.. (await fixture.RenderAsync(arguments)).Single(one => (string)one["kind"]! == "NetworkPolicy")["spec"]!["egress"]!.AsArray()
            .SelectMany(rule => rule!["ports"]!.AsArray()).Where(port => (string)port!["protocol"]! == "TCP").Select(port => (int)port!["port"]!)];

    /// <summary>The paths of the values of a schema that can be this text.</summary>
    private static IEnumerable<string> TextsOf(JsonNode schema, string prefix, string text) =>
        from property in schema["properties"]?.AsObject() ?? []
        let path = prefix + property.Key
        from found in property.Value!["properties"] is not null ? TextsOf(property.Value, path + ".", text)
            : property.Value["type"] is JsonValue type && (string)type! == "string" && Regex.IsMatch(text, (string?)property.Value["pattern"] ?? "") ? [path] : []
        select found;

    private static IEnumerable<JsonValue> ScalarsOf(JsonNode? node) => node switch
    {
        JsonObject map => map.SelectMany(entry => ScalarsOf(entry.Value)),
        JsonArray list => list.SelectMany(ScalarsOf),
        JsonValue value => [value],
        _ => [],
    };

    private static Dictionary<string, string> ByName(IEnumerable<JsonObject> objects) => objects.ToDictionary(NameOf, Comparable);

    private static string NameOf(JsonObject one) => $"{one["apiVersion"]} {one["kind"]} {one["metadata"]!["namespace"]}/{one["metadata"]!["name"]}";

    /// <summary>The object without what only Helm writes, with sorted fields.</summary>
    private static string Comparable(JsonObject one)
    {
        var copy = one.DeepClone().AsObject();
        var metadata = copy["metadata"]!.AsObject();
        Drop(metadata, "labels", name => name is "app.kubernetes.io/managed-by" or "helm.sh/chart");
        Drop(metadata, "annotations", name => name == "helm.sh/resource-policy");
        return JsonSerializer.Serialize(Sorted(copy), Indented);
    }

    private static void Drop(JsonObject metadata, string field, Predicate<string> isOfHelm)
    {
        if (metadata[field] is not JsonObject map)
            return;
        foreach (var name in map.Select(entry => entry.Key).Where(name => isOfHelm(name)).ToList())
            map.Remove(name);
        if (map.Count == 0)
            metadata.Remove(field);
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject map => new JsonObject(map.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => KeyValuePair.Create(entry.Key, Sorted(entry.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => node?.DeepClone(),
    };
}
