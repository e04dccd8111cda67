{{/* What Pod Security "restricted" asks of a pod, and more; no value turns it off. */}}
{{- define "microservice.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .Values.runAsUser }}
  runAsGroup: {{ .Values.runAsUser }}
  fsGroup: {{ .Values.runAsUser }}
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "microservice.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
  readOnlyRootFilesystem: {{ .Values.readOnlyRootFilesystem }}
{{- end -}}

{{- define "microservice.pullSecrets" -}}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/*
How a container of the service is told its settings: what is public from the ConfigMap, secrets as files.
Takes the `context`, and `direct`: migrations go past a pooler, which is no place for them.
*/}}
{{- define "microservice.settings" -}}
{{- $context := .context -}}
envFrom:
  - configMapRef:
      name: {{ include "microservice.fullname" $context }}
{{- if and $context.Values.database.cnpg.pooler.enabled (not .direct) }}
{{- $database := include "microservice.databaseSecret" $context | fromYaml }}
env:
  # The operator's secret names PostgreSQL itself; through the pooler the same user has another host.
  - name: DATABASE_USER
    valueFrom: {secretKeyRef: {name: {{ $database.name }}, key: username}}
  - name: DATABASE_PASSWORD
    valueFrom: {secretKeyRef: {name: {{ $database.name }}, key: password}}
  - name: DATABASE_NAME
    valueFrom: {secretKeyRef: {name: {{ $database.name }}, key: dbname}}
  - name: DATABASE_URL
    value: postgresql://$(DATABASE_USER):$(DATABASE_PASSWORD)@{{ include "microservice.fullname" $context }}-db-pooler:5432/$(DATABASE_NAME)
{{- end }}
{{- end -}}

{{- define "microservice.volumeMounts" -}}
- name: secrets
  mountPath: /etc/tandem/secrets
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "microservice.volumes" -}}
{{- $database := include "microservice.databaseSecret" . | fromYaml -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ include "microservice.secretName" . }}
      - secret:
          name: {{ $database.name }}
          items:
            - {key: {{ $database.key }}, path: DATABASE_URL}
      {{- range .Values.secretSettings }}
      - secret:
          name: {{ tpl .secret $ }}
          items:
            - {key: {{ .key }}, path: {{ .setting }}}
      {{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end -}}

{{- define "microservice.scheduling" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
One command of the service in a Job's pod. Takes the `context`, a `name`, `args`, and `stdin`: the name of a volume with
the file `secret`, or empty.
*/}}
{{- define "microservice.commandContainer" -}}
{{- $context := .context -}}
name: {{ .name }}
image: {{ include "microservice.image" $context | quote }}
imagePullPolicy: {{ $context.Values.image.pullPolicy }}
{{- if .stdin }}
command: [sh, -c, 'exec "$0" "$@" < /etc/tandem/stdin/secret', {{ include "microservice.name" $context }}]
{{- end }}
args: {{ toJson .args }}
{{ include "microservice.settings" (dict "context" $context "direct" true) }}
{{ include "microservice.containerSecurity" $context }}
resources:
  {{- toYaml $context.Values.jobResources | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  {{- include "microservice.volumeMounts" $context | nindent 2 }}
  {{- with .stdin }}
  - name: {{ . }}
    mountPath: /etc/tandem/stdin
    readOnly: true
  {{- end }}
{{- end -}}

{{/* The pod that migrates and then takes further steps, one after the other. Takes the `context` and the `steps`. */}}
{{- define "microservice.migrationPod" -}}
{{- $context := .context -}}
restartPolicy: Never
serviceAccountName: {{ include "microservice.fullname" $context }}
{{ include "microservice.podSecurity" $context }}
{{- with include "microservice.pullSecrets" $context | trim }}
{{ . }}
{{- end }}
{{- with include "microservice.scheduling" $context | trim }}
{{ . }}
{{- end }}
{{- $commands := list (dict "name" "migrate" "args" (list "migrate") "stdin" "") -}}
{{- range .steps -}}
{{- $args := list -}}
{{- range .args -}}{{- $args = append $args (tpl . $context) -}}{{- end -}}
{{- $commands = append $commands (dict "name" .name "args" $args "stdin" .name) -}}
{{- end }}
{{- with initial $commands }}
initContainers:
  {{- range . }}
  - {{ include "microservice.commandContainer" (merge (dict "context" $context) .) | nindent 4 | trim }}
  {{- end }}
{{- end }}
containers:
  - {{ include "microservice.commandContainer" (merge (dict "context" $context) (last $commands)) | nindent 4 | trim }}
volumes:
  {{- include "microservice.volumes" $context | nindent 2 }}
  {{- range .steps }}
  - name: {{ .name }}
    secret:
      secretName: {{ .secret }}
      defaultMode: 0440
      items:
        - {key: {{ .key }}, path: secret}
  {{- end }}
{{- end -}}
