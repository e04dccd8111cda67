{{/* The service's name: the chart's, or the alias in an umbrella chart. */}}
{{- define "microservice.name" -}}
{{- .Values.nameOverride | default .Chart.Name -}}
{{- end -}}

{{/*
The name of a part of a release. At most 39 characters, so that every suffix fits, a CronJob's into 52 included.
Takes `release` and `name`.
*/}}
{{- define "microservice.partName" -}}
{{- $room := max 1 (sub 38 (len .name)) | int -}}
{{- printf "%s-%s" (.release | trunc $room | trimSuffix "-") .name -}}
{{- end -}}

{{- define "microservice.fullname" -}}
{{- include "microservice.partName" (dict "release" .Release.Name "name" (include "microservice.name" .)) -}}
{{- end -}}

{{/* Labels that never change, made from the context of a chart, `context`, and the `component`. */}}
{{- define "microservice.selectorLabels" -}}
app.kubernetes.io/name: {{ include "microservice.name" .context }}
app.kubernetes.io/instance: {{ .context.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "microservice.labels" -}}
{{ include "microservice.selectorLabels" . }}
app.kubernetes.io/version: {{ .context.Values.image.tag | default .context.Chart.AppVersion | toString | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .context.Release.Service }}
{{- with .context.Values.partOf }}
app.kubernetes.io/part-of: {{ . }}
{{- end }}
helm.sh/chart: {{ printf "%s-%s" .context.Chart.Name .context.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The one place where an image is named. */}}
{{- define "microservice.image" -}}
{{- $image := .Values.image -}}
{{- $repository := required (printf "%s: image.repository has to name the image" (include "microservice.name" .)) $image.repository -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository ($image.tag | default .Chart.AppVersion | toString) -}}
{{- end -}}
{{- end -}}
