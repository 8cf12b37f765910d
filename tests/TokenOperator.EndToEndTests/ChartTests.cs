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
            DeploymentOf(await fixture.RenderAsync(arguments))["spec"]!["template"]!["spec"]!["containers"]![0]!["env"]!.AsArray()
                .Single(variable => (string)variable!["name"]! == "Providers__google__RequestsPerSecond")!["value"]!.ToString().Should().Be(read, arguments[0]);
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

    [Fact]
    public async Task A_proxy_on_a_port_of_its_own_is_reachable()
    {
        var policy = (await fixture.RenderAsync("--set", "proxy.https=http://proxy.example.com:3128,settings.ALL_PROXY=socks5://proxy.example.com"))
            .Single(one => (string)one["kind"]! == "NetworkPolicy");
        policy["spec"]!["egress"]!.AsArray().SelectMany(rule => rule!["ports"]!.AsArray()).Select(port => (int)port!["port"]!).Should().Contain([3128, 1080]);
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
    public async Task Two_releases_in_one_namespace_do_not_take_each_others_pods()
    {
        var other = YamlStream.Parse(await fixture.Helm.RunAsync(["template", "second", Helm.Chart, "--namespace", "token-operator-system", "--set", "crds.install=false,namespaces={mail}"]));
        var first = await fixture.RenderAsync();
        var pods = DeploymentOf(other)["spec"]!["template"]!;

        other.Select(NameOf).Should().NotIntersectWith(first.Select(NameOf));
        pods["spec"]!["containers"]![0]!["env"]!.AsArray().Should().Contain(variable => (string)variable!["name"]! == "LeaderElection__LeaseName" && (string)variable["value"]! == "second-token-operator");
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
